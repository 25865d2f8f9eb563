import type { CallDeadline } from './call-deadline.ts';
import { KubeError, type KubeErrorCause } from './kube-error.ts';
import type { RawRequest } from './types.ts';

/** Decodes an answer. Its text stays out of the error, and so does the parser's own, which quotes it: it may be a Secret's. */
export function parseAnswer(request: RawRequest, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const message = `${titleOf(request)}: the answer is not JSON (${text.length} characters)`;
    throw new KubeError({ status: 0, reason: 'BadAnswer', message });
  }
}

/** The error that an answer with a status from 300 up means. */
export function errorOfAnswer(
  request: RawRequest,
  answer: { readonly statusCode: number; readonly headers: Readonly<Record<string, unknown>> },
  text: string,
): KubeError {
  const status = statusOf(text);
  const retryAfterSeconds = Number(answer.headers['retry-after'] ?? status.details?.retryAfterSeconds);
  return new KubeError({
    status: answer.statusCode,
    reason: status.reason ?? 'Unknown',
    message: `${titleOf(request)}: HTTP ${answer.statusCode}: ${status.message ?? text.slice(0, 200)}`,
    causes: status.details?.causes,
    retryAfterMs: Number.isFinite(retryAfterSeconds) ? retryAfterSeconds * 1000 : undefined,
  });
}

interface StatusBody {
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly KubeErrorCause[]; readonly retryAfterSeconds?: number };
}

/** A proxy in between answers with whatever it likes, so nothing is taken for granted. */
function statusOf(text: string): StatusBody {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? body : {};
  } catch {
    return {};
  }
}

/** The error that a call without an answer means; a KubeError is passed on as it is. */
export function errorOfFailure(request: RawRequest, error: unknown, deadline: CallDeadline): KubeError {
  if (error instanceof KubeError) return error;
  const { reason, text } = explain(request, error, deadline);
  return new KubeError({ status: 0, reason, message: `${titleOf(request)}: ${text}`, cause: error });
}

function explain(request: RawRequest, error: unknown, deadline: CallDeadline): { reason: string; text: string } {
  if (deadline.expired()) return { reason: 'Deadline', text: `no answer within ${request.deadlineMs} ms` };
  if (request.signal?.aborted) return { reason: 'Aborted', text: 'stopped by the caller' };
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'UND_ERR_BODY_TIMEOUT') return { reason: 'Silence', text: 'nothing arrived for too long' };
  return { reason: 'Connection', text: error instanceof Error ? error.message : String(error) };
}

function titleOf(request: RawRequest): string {
  return `${request.method} ${request.path}`;
}

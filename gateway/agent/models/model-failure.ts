import type { IncomingHttpHeaders } from 'node:http';
import { EgressRefused } from '../../egress.ts';
import { ModelError, type ModelFailure } from './port.ts';

/** A request that got no answer, or lost it on the way. Names the server and the kind of failure, nothing of the request. */
export function connectionFailure(error: unknown, origin: string): ModelError {
  if (error instanceof EgressRefused)
    return new ModelError(error.message, { retryable: false, failure: 'address_refused', cause: error });
  const code = codeOf(error);
  const timedOut = code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT';
  const what = timedOut ? 'fell silent' : 'could not be reached or broke the connection';
  return new ModelError(`the model server ${origin} ${what} (${code})`, {
    retryable: !timedOut,
    failure: timedOut ? 'timeout' : 'unreachable',
    cause: error,
  });
}

/**
 * An answer with any status but 200. What the server says is passed on where it is about the request; where it may be
 * about the key, only the status is.
 */
export function refusedAnswer(
  status: number,
  headers: IncomingHttpHeaders,
  text: string,
  apiKey: string | undefined,
): ModelError {
  const said = aboutTheRequest.has(status) ? messageIn(text.slice(0, maxErrorLength), apiKey) : '';
  return new ModelError(`the model server answered with status ${status}${said === '' ? '' : `: ${said}`}`, {
    retryable: status === 408 || status === 409 || status === 429 || status >= 500,
    failure: failureOf(status),
    retryAfterMs: retryAfterMs(headers['retry-after']),
  });
}

function failureOf(status: number): ModelFailure {
  if (status === 401 || status === 403) return 'key_refused';
  if (status === 429) return 'rate_limited';
  if (status === 408) return 'timeout';
  return status >= 400 && status < 500 ? 'request_refused' : 'server_error';
}

/** A server that is silent for longer inside an answer has gone. */
export const maxSilenceMs = 120_000;
export const maxAnswerBytes = 32 * 1024 * 1024;

/** A call that was not complete in time. */
export function tooSlow(seconds: number, cause: unknown): ModelError {
  return new ModelError(`the model server did not finish within ${seconds} s (model.timeoutSeconds)`, {
    retryable: false,
    failure: 'timeout',
    cause,
  });
}

/** An answer over `maxAnswerBytes`. */
export function tooLarge(): ModelError {
  return new ModelError('the answer of the model server is over 32 MiB', { retryable: false, failure: 'bad_answer' });
}

/** An answer that stopped without saying why. */
export function endedEarly(): ModelError {
  return new ModelError('the model server ended its answer before it was complete', {
    retryable: false,
    failure: 'bad_answer',
  });
}

/** An answer off its format. */
export function unreadable(why: string): ModelError {
  return new ModelError(`the model server sent an answer that cannot be read: ${why}`, {
    retryable: false,
    failure: 'bad_answer',
  });
}

const aboutTheRequest = new Set([400, 404, 413, 422]);
const maxErrorLength = 16 * 1024;

function messageIn(text: string, apiKey: string | undefined): string {
  const found = /"message"\s*:\s*("(?:[^"\\]|\\.){0,2000}")/.exec(text)?.[1];
  if (found === undefined) return '';
  const message = safeParse(found).slice(0, 300);
  return apiKey === undefined ? message : message.replaceAll(apiKey, '[redacted]');
}

function safeParse(json: string): string {
  try {
    return String(JSON.parse(json));
  } catch {
    return '';
  }
}

function retryAfterMs(header: string | undefined): number | undefined {
  const seconds = Number(header);
  return header !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined;
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.name : 'unknown error';
}

import { connectionFailure, refusedAnswer, unreadable } from './model-failure.ts';
import { type ModelCall, ModelError } from './port.ts';

export interface FailedCall {
  readonly origin: string;
  readonly apiKey: string;
  readonly call: ModelCall;
}

/**
 * What went wrong in the AI SDK, as a ModelError. Nothing of the error itself is kept but its status and what was behind
 * it: it holds the whole request.
 */
export function anthropicFailure(error: unknown, { origin, apiKey, call }: FailedCall): ModelError {
  const causes = [...causesOf(error)];
  const own = causes.find((cause) => cause instanceof ModelError);
  if (own !== undefined) return own;
  const refusal = causes.find(isRefusal);
  if (refusal !== undefined) {
    const { statusCode, responseHeaders = {}, responseBody = '' } = refusal;
    return refusedAnswer(statusCode, responseHeaders, responseBody, apiKey);
  }
  const broken = causes.find(isConnectionError) ?? (isUnanswered(causes[0]) ? causes.at(-1) : undefined);
  if (broken !== undefined) return connectionFailure(broken, origin);
  // It answered, and may want to be paid.
  call.onAnswer?.();
  const reported = causes[0];
  return isReported(reported) ? reportedFailure(reported.type) : unreadable('it is not what the provider documents');
}

/** The failure of a provider inside its stream, once that has begun. */
function reportedFailure(type: string): ModelError {
  return new ModelError(`the model server reported a failure inside its answer (${type.slice(0, 64)})`, {
    retryable: false,
    failure: 'server_error',
  });
}

function* causesOf(error: unknown): Generator<unknown> {
  const deepest = 8;
  for (let at = 0, cause = error; at < deepest && cause !== undefined && cause !== null; at += 1) {
    yield cause;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
}

interface Refusal {
  readonly statusCode: number;
  readonly responseHeaders?: Record<string, string> | undefined;
  readonly responseBody?: string | undefined;
}

function isAnswered(error: Error): error is Error & { readonly statusCode: number } {
  return 'statusCode' in error && typeof error.statusCode === 'number';
}

function isRefusal(error: unknown): error is Refusal {
  return error instanceof Error && isAnswered(error) && error.statusCode !== 200;
}

/** One of the network: it has a code, or egress refused it. */
function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error.name === 'EgressRefused' ||
    ('code' in error && /^(UND_ERR_|E[A-Z]|CERT_|ERR_SSL|DEPTH_)/.test(String(error.code)))
  );
}

/** The package's error for a request that got no answer has no status. */
function isUnanswered(error: unknown): boolean {
  return error instanceof Error && error.name === 'AI_APICallError' && !isAnswered(error);
}

function isReported(error: unknown): error is { readonly type: string } {
  return typeof error === 'object' && error !== null && 'type' in error && typeof error.type === 'string';
}

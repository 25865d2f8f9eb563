import type { Dispatcher } from 'undici';
import { EgressRefused } from '../../egress.ts';
import { ModelError } from './port.ts';

/** A request that got no answer, or lost it on the way. Names the server and the kind of failure, nothing of the request. */
export function connectionFailure(error: unknown, origin: string): ModelError {
  if (error instanceof EgressRefused) return new ModelError(error.message, { retryable: false, cause: error });
  const code = codeOf(error);
  const timedOut = code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT';
  const what = timedOut ? 'fell silent' : 'could not be reached or broke the connection';
  return new ModelError(`the model server ${origin} ${what} (${code})`, { retryable: !timedOut, cause: error });
}

/**
 * An answer with any status but 200. What the server says is passed on where it is about the request; where it may be
 * about the key, only the status is.
 */
export async function refusedAnswer(
  response: Dispatcher.ResponseData,
  apiKey: string | undefined,
): Promise<ModelError> {
  const { statusCode } = response;
  const text = await boundedText(response.body);
  const said = aboutTheRequest.has(statusCode) ? messageIn(text, apiKey) : '';
  return new ModelError(`the model server answered with status ${statusCode}${said === '' ? '' : `: ${said}`}`, {
    retryable: statusCode === 408 || statusCode === 409 || statusCode === 429 || statusCode >= 500,
    retryAfterMs: retryAfterMs(response.headers['retry-after']),
  });
}

const aboutTheRequest = new Set([400, 404, 413, 422]);
const maxErrorBytes = 16 * 1024;

async function boundedText(body: Dispatcher.ResponseData['body']): Promise<string> {
  let text = '';
  for await (const piece of body) {
    text += String(piece);
    if (text.length > maxErrorBytes) break;
  }
  return text;
}

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

function retryAfterMs(header: string | string[] | undefined): number | undefined {
  const seconds = Number(header);
  return header !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined;
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.name : 'unknown error';
}

import { type Dispatcher, request } from 'undici';
import { deadline } from '../../../core/lib/deadline.ts';
import { EgressRefused } from '../../egress.ts';
import type { SendResult } from '../send-result.ts';
import { signatureHeaders } from './signature.ts';

export interface WebhookCall {
  readonly url: string;
  /** The webhook's id: the same for every attempt. */
  readonly id: string;
  readonly body: string;
  /** The signing secrets that are valid, the current one first. */
  readonly secrets: readonly string[];
  /** Unix milliseconds. */
  readonly now: number;
  /** How long the receiver may take to answer, the connection included. */
  readonly answerWithinMs: number;
  readonly signal: AbortSignal;
}

/** What is read of an answer, so that its connection can be used again. */
const maxAnswerBytes = 64 * 1024;

/** Posts once and follows no redirect. `dispatcher` checks the address that it connects to. Throws nothing. */
export async function sendWebhook(dispatcher: Dispatcher, call: WebhookCall): Promise<SendResult> {
  using limit = deadline(call.answerWithinMs, call.signal);
  try {
    const answer = await request(call.url, {
      dispatcher,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'talaria',
        ...signatureHeaders(call.id, Math.floor(call.now / 1000), call.body, call.secrets),
      },
      body: call.body,
      signal: limit.signal,
    });
    // What the status says holds, whatever becomes of the rest.
    await answer.body.dump({ limit: maxAnswerBytes, signal: limit.signal }).catch(() => undefined);
    return classifyAnswer(answer.statusCode, retryAfterMs(answer.headers['retry-after'], call.now));
  } catch (error) {
    const late = limit.expired() ? `no answer within ${call.answerWithinMs} ms` : undefined;
    return classifyError(error, late);
  }
}

function classifyAnswer(status: number, retryAfter: number | undefined): SendResult {
  if (status >= 200 && status < 300) return { kind: 'sent' };
  const error = `the receiver answered ${status}`;
  if (repeatable.has(status)) return { kind: 'not-sent', error, final: false, retryAfterMs: retryAfter };
  if (status >= 500) return { kind: 'ambiguous', error };
  if (status >= 300 && status < 400) {
    return { kind: 'not-sent', error: `${error}: redirects are not followed; set the final address`, final: true };
  }
  return { kind: 'not-sent', error, final: true };
}

/** The receiver did not take it and says that it may later. */
const repeatable: ReadonlySet<number> = new Set([408, 409, 425, 429, 503]);

function classifyError(error: unknown, late: string | undefined): SendResult {
  const refused = findCause(error, (cause) => cause instanceof EgressRefused);
  if (refused) return { kind: 'not-sent', error: refused.message, final: true };
  const code = codeOf(error);
  if (beforeConnection.has(code) || /^(ERR_TLS|CERT_|ERR_SSL|DEPTH_|SELF_SIGNED|UNABLE_TO)/.test(code)) {
    return { kind: 'not-sent', error: `no connection to the receiver (${code})`, final: false };
  }
  const what = late ?? 'the connection broke before an answer';
  return { kind: 'ambiguous', error: code === '' ? what : `${what} (${code})` };
}

/** Errors after which no byte of the request left. */
const beforeConnection: ReadonlySet<string> = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ERR_INVALID_URL',
]);

function codeOf(error: unknown): string {
  const coded = findCause(error, (cause) => 'code' in cause && typeof cause.code === 'string');
  return coded && 'code' in coded ? String(coded.code) : '';
}

function findCause(error: unknown, wanted: (cause: Error) => boolean): Error | undefined {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return wanted(error) ? error : findCause(error.errors[0], wanted);
  }
  if (!(error instanceof Error)) return undefined;
  return wanted(error) ? error : findCause(error.cause, wanted);
}

/** Seconds or an HTTP date. */
function retryAfterMs(header: string | string[] | undefined, now: number): number | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

import { EgressRefused } from '../../egress.ts';
import type { SendResult } from '../send-result.ts';

/** What an answer that says no by its status alone means; `who` is what is called so in the error. */
export function refusedByStatus(who: string, status: number, retryAfterMs: number | undefined): SendResult {
  const error = `${who} answered ${status}`;
  if (repeatable.has(status)) return { kind: 'not-sent', error, final: false, retryAfterMs };
  if (status >= 500) return { kind: 'ambiguous', error };
  if (status >= 300 && status < 400) {
    return { kind: 'not-sent', error: `${error}: redirects are not followed; set the final address`, final: true };
  }
  return { kind: 'not-sent', error, final: true };
}

/** The receiver did not take it and says that it may later. */
const repeatable: ReadonlySet<number> = new Set([408, 409, 425, 429, 503]);

/**
 * What is known after a request that ended without an answer. `late` is what to say when its time ran out. Only the code
 * of the error is told: its message may name the address, which may hold a secret.
 */
export function brokenOff(who: string, error: unknown, late: string | undefined): SendResult {
  const refused = findCause(error, (cause) => cause instanceof EgressRefused);
  if (refused) return { kind: 'not-sent', error: refused.message, final: true };
  const code = codeOf(error);
  if (beforeConnection.has(code) || /^(ERR_TLS|CERT_|ERR_SSL|DEPTH_|SELF_SIGNED|UNABLE_TO)/.test(code)) {
    return { kind: 'not-sent', error: `no connection to ${who} (${code})`, final: false };
  }
  const what = late ?? 'the connection broke before an answer';
  return { kind: 'ambiguous', error: code === '' ? what : `${what} (${code})` };
}

/** What a Retry-After header asks for: seconds, also with a fraction, or an HTTP date. */
export function retryAfterMs(header: string | string[] | undefined, now: number): number | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(text) ? Math.ceil(Number(text) * 1000) : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** Errors after which no byte of the request left. */
const beforeConnection: ReadonlySet<string> = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_INVALID_ARG',
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

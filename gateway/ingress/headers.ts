import { TalariaError } from '../../core/lib/errors.ts';

/** What the `X-Talaria-...` headers of a request say; '' stands for absent. */
export interface TalariaHeaders {
  readonly chatId: string;
  readonly userId: string;
  readonly threadId: string;
  /** A `ses_...` id or the client's own name for a session. */
  readonly sessionId: string;
  readonly sessionKey: string;
  /** Which of them came under their `X-Hermes-...` name, as name and value: the answer repeats them. */
  readonly aliases: readonly (readonly [string, string])[];
}

/**
 * Reads the five headers and their aliases from Node's `rawHeaders`, which alone shows a doubled one. A value is trimmed,
 * is visible ASCII or percent-encoded UTF-8 of at most 256 characters, and is absent when blank. Throws `invalid_header`
 * for everything else, so that no broken value counts as absent and reaches another agent.
 */
export function readTalariaHeaders(rawHeaders: readonly string[]): TalariaHeaders {
  const found = collect(rawHeaders);
  if (found === undefined) return none;
  const aliases: [string, string][] = [];
  const read = (name: string) => {
    const own = found.get(`x-talaria-${name}`) ?? '';
    const alias = found.get(`x-hermes-${name}`) ?? '';
    if (alias !== '') aliases.push([`x-hermes-${name}`, alias]);
    if (own !== '' && alias !== '' && own !== alias) throw disagree(name);
    return own === '' ? alias : own;
  };
  return {
    chatId: read('chat-id'),
    userId: read('user-id'),
    threadId: read('thread-id'),
    sessionId: read('session-id'),
    sessionKey: read('session-key'),
    aliases,
  };
}

/** Every header that this file reads, in lower case. */
export const talariaRequestHeaders: readonly string[] = ['talaria', 'hermes'].flatMap((vendor) =>
  ['chat-id', 'user-id', 'thread-id', 'session-id', 'session-key'].map((name) => `x-${vendor}-${name}`),
);

/** A value as it may stand in a header: what is not visible ASCII is percent-encoded. */
export function encodeHeaderValue(value: string): string {
  return /^[\x21-\x24\x26-\x7e]*$/.test(value) ? value : encodeURIComponent(value);
}

const none: TalariaHeaders = { chatId: '', userId: '', threadId: '', sessionId: '', sessionKey: '', aliases: [] };
const known = new Set(talariaRequestHeaders);
/** Of a header's value, after it was decoded. */
export const maxCharacters = 256;

/** Decoded values by lower-case name, blank ones as ''; undefined when there is none, as in most requests. */
function collect(rawHeaders: readonly string[]): ReadonlyMap<string, string> | undefined {
  let found: Map<string, string> | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const written = rawHeaders[at] ?? '';
    if (written.charCodeAt(0) !== 88 && written.charCodeAt(0) !== 120) continue;
    const name = written.toLowerCase();
    if (!known.has(name)) continue;
    found ??= new Map();
    if (found.has(name)) throw invalid(name, 'stands in the request more than once', 'Send it once');
    found.set(name, decode(name, (rawHeaders[at + 1] ?? '').trim()));
  }
  return found;
}

function decode(name: string, value: string): string {
  if (!/^[\x21-\x7e]*$/.test(value)) {
    throw invalid(name, 'holds a character that is not visible ASCII', 'Percent-encode its UTF-8 bytes');
  }
  const text = value.includes('%') ? decodePercent(name, value) : value;
  if ([...text].length > maxCharacters) {
    throw invalid(name, `is longer than ${maxCharacters} characters`, 'Send a shorter value');
  }
  return text;
}

function decodePercent(name: string, value: string): string {
  let text: string;
  try {
    text = decodeURIComponent(value);
  } catch {
    throw invalid(name, 'is not percent-encoded UTF-8', 'Write a literal % as %25');
  }
  if (/\p{Cc}/u.test(text)) throw invalid(name, 'holds a control character', 'Leave it out');
  if (text.trim() !== text) throw invalid(name, 'begins or ends with an encoded blank', 'Leave it out');
  return text;
}

function disagree(name: string): TalariaError {
  return invalid(`x-talaria-${name}`, `and its alias x-hermes-${name} say different things`, 'Send one of them');
}

function invalid(name: string, what: string, cure: string): TalariaError {
  return new TalariaError('invalid_header', `Header ${name} ${what}. ${cure}.`, { param: name });
}

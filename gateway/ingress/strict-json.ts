import { isUtf8 } from 'node:buffer';
import { TalariaError } from '../../core/lib/errors.ts';

/**
 * The value of a JSON body. Throws `invalid_request` for what readers of JSON do not agree on, so that nobody in front of
 * the gateway can have read another request than it does: bytes that are no UTF-8, a member that stands twice in one
 * object, and nesting that overflows (RFC 8259, sections 4, 8.1 and 9).
 */
export function parseStrictJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw invalid('it is not UTF-8');
  const text = bytes.toString('utf8');
  if (text === '') throw invalid('it is empty');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message.slice(0, 200) : 'it cannot be parsed', cause);
  }
  // A member that stands twice is a name too many: what is read keeps one of them.
  if (countNames(text) !== countMembers(value))
    throw invalid(`the member ${JSON.stringify(twinIn(text))} stands twice in one object`);
  return value;
}

const maxDepth = 256;
const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
/** Space, tab, line feed and carriage return. */
const blanks: readonly number[] = [0x20, 0x09, 0x0a, 0x0d];

/** Of all objects in a value. Throws where it is nested too deep. This and `countNames` are on the way of every request. */
function countMembers(value: unknown, depth = 1): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth > maxDepth) throw invalid(`it is nested deeper than ${maxDepth} levels`);
  let count = 0;
  if (Array.isArray(value)) {
    for (const member of value) count += countMembers(member, depth + 1);
    return count;
  }
  for (const name in value) count += 1 + countMembers(value[name as keyof typeof value], depth + 1);
  return count;
}

/** How many strings of a valid JSON text are names of members: those that a colon follows. */
function countNames(text: string): number {
  let count = 0;
  let start = text.indexOf('"');
  while (start !== -1) {
    const after = pastBlanks(text, endOfString(text, start) + 1);
    if (text.charCodeAt(after) === colon) count += 1;
    start = text.indexOf('"', after);
  }
  return count;
}

/** The first name of a valid JSON text that stands twice in one object, cut to what a message can hold. */
function twinIn(text: string): string {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === openBrace) open.push(new Set());
    if (code === openBracket) open.push(undefined);
    if (code === closeBrace || code === closeBracket) open.pop();
    if (code !== quote) continue;
    const end = endOfString(text, at);
    if (text.charCodeAt(pastBlanks(text, end + 1)) === colon) {
      const name = JSON.parse(text.slice(at, end + 1)) as string;
      const names = open.at(-1);
      if (names?.has(name)) return name.slice(0, 100);
      names?.add(name);
    }
    at = end;
  }
  return '';
}

function pastBlanks(text: string, start: number): number {
  let at = start;
  while (blanks.includes(text.charCodeAt(at))) at += 1;
  return at;
}

/** Where the string that begins at `start` has its closing quote; the end of the text when it has none. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === backslash) escapes += 1;
    if (escapes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

function invalid(why: string, cause?: unknown): TalariaError {
  return new TalariaError('invalid_request', `The body is not valid JSON: ${why}.`, { cause });
}

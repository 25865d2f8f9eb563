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
  return countNames(text) === countMembers(value) ? value : readByMember(text);
}

const maxDepth = 256;
const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const comma = 0x2c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
/** Space, tab, line feed and carriage return. */
const blanks: readonly number[] = [0x20, 0x09, 0x0a, 0x0d];
/** What a number, true, false and null end before. */
const ends: readonly number[] = [...blanks, comma, closeBracket, closeBrace];

/** How many members all objects in a value have. Throws where it is nested too deep. This and `countNames` are on the way of every request. */
function countMembers(value: unknown, depth = 1): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth > maxDepth) throw tooDeep();
  let count = 0;
  if (Array.isArray(value)) {
    for (const member of value) count += countMembers(member, depth + 1);
    return count;
  }
  for (const name in value) count += 1 + countMembers(value[name as keyof typeof value], depth + 1);
  return count;
}

/** How many strings of a valid JSON text are names of members: those that a colon follows. NaN when one is written with an escape. */
function countNames(text: string): number {
  let count = 0;
  let start = text.indexOf('"');
  while (start !== -1) {
    const end = endOfString(text, start);
    const after = pastBlanks(text, end + 1);
    if (text.charCodeAt(after) === colon) {
      if (text.slice(start, end).includes('\\')) return Number.NaN;
      count += 1;
    }
    start = text.indexOf('"', after);
  }
  return count;
}

/**
 * The value of a valid JSON text, read member by member. Throws for a twin and for nesting. It is for names with escapes:
 * V8 13.6 may take one for another name that it has read before, so that `"\u0063ontent"` becomes a member `\u0063o`.
 */
function readByMember(text: string): unknown {
  let at = 0;
  const next = (): number => {
    at = pastBlanks(text, at);
    return text.charCodeAt(at);
  };
  const readString = (): string => {
    const start = at;
    at = endOfString(text, at) + 1;
    return JSON.parse(text.slice(start, at)) as string;
  };
  const readScalar = (): unknown => {
    const start = at;
    while (at < text.length && !ends.includes(text.charCodeAt(at))) at += 1;
    return JSON.parse(text.slice(start, at));
  };
  const readValue = (depth: number): unknown => {
    const first = next();
    if (first === quote) return readString();
    if (first !== openBrace && first !== openBracket) return readScalar();
    if (depth > maxDepth) throw tooDeep();
    at += 1;
    return first === openBrace ? readObject(depth) : readList(depth);
  };
  const readList = (depth: number): unknown[] => {
    const list: unknown[] = [];
    while (next() !== closeBracket) {
      if (text.charCodeAt(at) === comma) at += 1;
      list.push(readValue(depth + 1));
    }
    at += 1;
    return list;
  };
  const readObject = (depth: number): object => {
    const object: Record<string, unknown> = {};
    while (next() !== closeBrace) {
      if (text.charCodeAt(at) === comma) at += 1;
      next();
      const name = readString();
      if (Object.hasOwn(object, name)) {
        throw invalid(`the member ${JSON.stringify(name.slice(0, 100))} stands twice in one object`);
      }
      next();
      at += 1;
      const value = readValue(depth + 1);
      // An assignment would be to the prototype.
      if (name !== '__proto__') object[name] = value;
      else Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
    }
    at += 1;
    return object;
  };
  return readValue(1);
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

function tooDeep(): TalariaError {
  return invalid(`it is nested deeper than ${maxDepth} levels`);
}

function invalid(why: string, cause?: unknown): TalariaError {
  return new TalariaError('invalid_request', `The body is not valid JSON: ${why}.`, { cause });
}

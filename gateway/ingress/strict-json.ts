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
  refuseTwinsAndDepth(text);
  return value;
}

const maxDepth = 256;
const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;

/** `text` is valid JSON. One pass: this is on the way of every request. */
function refuseTwinsAndDepth(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let names: Set<string> | undefined;
  let expectsName = false;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at);
        if (expectsName && names !== undefined) addName(names, text.slice(at + 1, end));
        expectsName = false;
        at = end;
        break;
      }
      case openBrace:
      case openBracket:
        expectsName = text.charCodeAt(at) === openBrace;
        names = expectsName ? new Set() : undefined;
        open.push(names);
        if (open.length > maxDepth) throw invalid(`it is nested deeper than ${maxDepth} levels`);
        break;
      case closeBrace:
      case closeBracket:
        open.pop();
        names = open[open.length - 1];
        expectsName = false;
        break;
      case comma:
        expectsName = names !== undefined;
        break;
    }
  }
}

function addName(names: Set<string>, written: string): void {
  const name = written.includes('\\') ? (JSON.parse(`"${written}"`) as string) : written;
  if (names.has(name)) throw invalid(`the member ${JSON.stringify(name.slice(0, 100))} stands twice in one object`);
  names.add(name);
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

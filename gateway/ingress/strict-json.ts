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
  refuseDeep(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message.slice(0, 200) : 'it cannot be parsed', cause);
  }
  refuseTwins(text);
  return value;
}

const maxDepth = 256;
const quote = 0x22;
const backslash = 0x5c;

function refuseDeep(text: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at);
    else if (code === 0x5b || code === 0x7b) depth += 1;
    else if (code === 0x5d || code === 0x7d) depth -= 1;
    if (depth > maxDepth) throw invalid(`it is nested deeper than ${maxDepth} levels`);
  }
}

/** `text` is valid JSON. */
function refuseTwins(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let expectsName = false;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at);
        const names = expectsName ? open.at(-1) : undefined;
        if (names !== undefined) addName(names, text.slice(at + 1, end));
        expectsName = false;
        at = end;
        break;
      }
      case 0x7b:
        open.push(new Set());
        expectsName = true;
        break;
      case 0x5b:
        open.push(undefined);
        expectsName = false;
        break;
      case 0x7d:
      case 0x5d:
        open.pop();
        expectsName = false;
        break;
      case 0x2c:
        expectsName = open.at(-1) !== undefined;
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

import { ImportError } from '../read-files.ts';

/**
 * Reads JSON5: JSON with comments, trailing commas, plain keys and texts in single quotes. Whole numbers beyond 2^53 are
 * bigint. Throws ImportError with the line at fault.
 */
export function parseJson5(text: string): unknown {
  const reader = { text, at: 0 };
  const value = readValue(reader, 0);
  skipBlank(reader);
  if (reader.at < text.length) throw fault(reader, 'something follows the value');
  return value;
}

interface Reader {
  readonly text: string;
  at: number;
}

const maxDepth = 200;

function readValue(reader: Reader, depth: number): unknown {
  skipBlank(reader);
  if (depth > maxDepth) throw fault(reader, 'it is nested too deep');
  const next = reader.text[reader.at];
  if (next === '{') return readObject(reader, depth);
  if (next === '[') return readList(reader, depth);
  if (next === '"' || next === "'") return readText(reader, next);
  return readPlain(reader);
}

function readObject(reader: Reader, depth: number): Record<string, unknown> {
  const members: [string, unknown][] = [];
  readEntries(reader, '}', () => {
    const key = readKey(reader);
    skipBlank(reader);
    if (reader.text[reader.at] !== ':') throw fault(reader, `":" is missing after "${key}"`);
    reader.at += 1;
    members.push([key, readValue(reader, depth + 1)]);
  });
  return Object.fromEntries(members);
}

function readList(reader: Reader, depth: number): unknown[] {
  const entries: unknown[] = [];
  readEntries(reader, ']', () => entries.push(readValue(reader, depth + 1)));
  return entries;
}

function readEntries(reader: Reader, end: string, readEntry: () => void): void {
  reader.at += 1;
  for (;;) {
    skipBlank(reader);
    if (reader.text[reader.at] === end) break;
    readEntry();
    skipBlank(reader);
    if (reader.text[reader.at] === ',') reader.at += 1;
    else if (reader.text[reader.at] !== end) throw fault(reader, `"," or "${end}" is missing`);
  }
  reader.at += 1;
}

function readKey(reader: Reader): string {
  const next = reader.text[reader.at];
  if (next === '"' || next === "'") return readText(reader, next);
  return take(reader, /[\p{L}\p{Nl}$_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}$]*/uy) ?? refuse(reader, 'a key is missing');
}

function readText(reader: Reader, quote: string): string {
  const pattern = quote === '"' ? /"((?:[^"\\\n]|\\[\s\S])*)"/y : /'((?:[^'\\\n]|\\[\s\S])*)'/y;
  const written = take(reader, pattern) ?? refuse(reader, 'a text has no end');
  return written.slice(1, -1).replace(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\r\n|[\s\S])/g, (_, code: string) => {
    if (/^[ux]./.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return escapes[code] ?? code;
  });
}

const escapes: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  0: '\0',
  '\n': '',
  '\r\n': '',
};

const words: Readonly<Record<string, unknown>> = { true: true, false: false, null: null };

function readPlain(reader: Reader): unknown {
  const word = take(reader, /[^\s,:{}[\]"'/]+/y) ?? refuse(reader, 'a value is missing');
  if (Object.hasOwn(words, word)) return words[word];
  const number = Number(word.replace(/^\+/, ''));
  if (Number.isNaN(number)) return refuse(reader, `"${word}" is no value`);
  return /^[+-]?\d+$/.test(word) && !Number.isSafeInteger(number) ? BigInt(word) : number;
}

function skipBlank(reader: Reader): void {
  take(reader, /(?:[\s\ufeff]|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y);
}

function take(reader: Reader, pattern: RegExp): string | undefined {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(reader.text)?.[0];
  reader.at += found?.length ?? 0;
  return found;
}

function refuse(reader: Reader, why: string): never {
  throw fault(reader, why);
}

function fault({ text, at }: Reader, why: string): ImportError {
  return new ImportError(`line ${text.slice(0, at).split('\n').length}: ${why}`);
}

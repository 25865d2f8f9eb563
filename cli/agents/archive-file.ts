import { open, stat } from 'node:fs/promises';
import { headSchema } from '../../gateway/archive/lines.ts';
import { fileFailure } from '../file-failure.ts';
import { Refused } from '../remote/failures.ts';

/** The archive of one Agent in a file, known to be whole. */
export interface Archive {
  readonly agent: string;
  /** Its first line. */
  readonly head: unknown;
  /** All lines between the first and the last one, in parts that one request takes. */
  readonly parts: () => AsyncIterable<readonly unknown[]>;
}

/** Below the 10 MB that a request may have, also with one more file. */
const partCharacters = 4_000_000;
const partLines = 2_000;

/** Reads through a file that `talaria agents export` wrote. Throws Refused for any other file, and for one that was cut. */
export async function readArchive(file: string): Promise<Archive> {
  await checkIsFile(file);
  let head: unknown;
  let last: unknown;
  for await (const { line } of linesOf(file)) {
    head ??= line;
    last = line;
  }
  const read = headSchema.safeParse(head);
  if (!read.success) throw new Refused(`${file} is no archive of an Agent. Give what "talaria agents export" printed.`);
  if (!isEnd(last)) throw new Refused(`${file} was cut: its end is missing. Export it again.`);
  return { agent: read.data.agent, head, parts: () => partsOf(file) };
}

/** It is read twice, and of a pipe nothing would be left the second time. */
async function checkIsFile(file: string): Promise<void> {
  const info = await stat(file).catch(() => undefined);
  if (info === undefined || info.isFile()) return;
  throw new Refused(`${file} is no file; save the archive to one first`);
}

async function* partsOf(file: string): AsyncGenerator<readonly unknown[]> {
  let part: unknown[] = [];
  let size = 0;
  let isHead = true;
  for await (const { line, length } of linesOf(file)) {
    if (!isHead && !isEnd(line)) {
      if (part.length > 0 && (size + length > partCharacters || part.length >= partLines)) {
        yield part;
        part = [];
        size = 0;
      }
      part.push(line);
      size += length;
    }
    isHead = false;
  }
  if (part.length > 0) yield part;
}

function isEnd(line: unknown): boolean {
  return typeof line === 'object' && line !== null && 'type' in line && line.type === 'end';
}

async function* linesOf(file: string): AsyncGenerator<{ readonly line: unknown; readonly length: number }> {
  const handle = await open(file).catch((error: unknown) => {
    throw new Refused(`${file} cannot be read: ${fileFailure(error)}`);
  });
  try {
    let number = 0;
    for await (const text of handle.readLines()) {
      number += 1;
      yield { line: parseLine(text, `${file}:${number}`), length: text.length };
    }
  } finally {
    await handle.close();
  }
}

function parseLine(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused(`${place} is not JSON. Give what "talaria agents export" printed.`);
  }
}

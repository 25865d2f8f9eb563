import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

const maxFileBytes = 16 * 1024 * 1024;

/** A text file without the mark that some editors begin it with; undefined when it is not there. Throws ImportError when it is too large. */
export async function readTextFile(file: string): Promise<string | undefined> {
  const info = await stat(file).catch(() => undefined);
  if (info === undefined || !info.isFile()) return undefined;
  if (info.size > maxFileBytes)
    throw new ImportError(`${file} has ${info.size} bytes; at most ${maxFileBytes} are read.`);
  return (await readFile(file, 'utf8')).replace(/^\ufeff/, '');
}

/** Something that is imported cannot be read. The message says which and why. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
}

/** `NAME=value` lines as shells and dotenv write them; a later one wins. */
export function parseVariables(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(/\r?\n/).flatMap((line) => {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line);
    return match?.[1] === undefined ? [] : [[match[1], unquoted(match[2] ?? '')] as const];
  });
  return new Map(pairs.filter(([, value]) => value !== ''));
}

/** The SKILL.md files below a folder, by the name of their own folder, sorted; at most three folders deep. */
export async function readSkills(folder: string, depth = 3): Promise<readonly Skill[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(async ({ name }): Promise<readonly Skill[]> => {
        const text = await readTextFile(path.join(folder, name, 'SKILL.md'));
        if (text !== undefined) return [{ name, text }];
        return depth > 1 ? await readSkills(path.join(folder, name), depth - 1) : [];
      }),
  );
  return found.flat().sort((a, b) => (a.name < b.name ? -1 : 1));
}

export interface Skill {
  readonly name: string;
  readonly text: string;
}

function unquoted(value: string): string {
  const quoted = /^(["'])(.*)\1$/.exec(value);
  return quoted?.[2] ?? value.replace(/\s+#.*$/, '');
}

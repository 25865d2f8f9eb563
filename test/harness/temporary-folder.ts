import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isAlive } from './process-tree.ts';

/**
 * Makes a temporary folder of this process. Folders of the same purpose whose process is gone, because it was killed
 * before it could tidy up, are removed.
 */
export async function temporaryFolder(purpose: string): Promise<string> {
  const prefix = `talaria-${purpose}-`;
  const names = await readdir(tmpdir());
  const abandoned = names.filter((name) => name.startsWith(prefix) && isAbandoned(name.slice(prefix.length)));
  await Promise.all(abandoned.map((name) => rm(path.join(tmpdir(), name), { recursive: true, force: true })));
  return mkdtemp(path.join(tmpdir(), `${prefix}${process.pid}-`));
}

/** `ending` is the process id and a random part. */
function isAbandoned(ending: string): boolean {
  const pid = /^(\d+)-\w+$/.exec(ending)?.[1];
  return pid !== undefined && !isAlive(Number(pid));
}

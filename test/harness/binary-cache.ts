import { mkdir, mkdtemp, open, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const heartbeatMs = 5_000;
const staleMs = 30_000;

/** Talaria's own cache folder: `$XDG_CACHE_HOME/talaria`, default `~/.cache/talaria`. */
export function cacheFolder(): string {
  return path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'talaria');
}

/** True when the folder holds all these files. */
export async function holdsAll(folder: string, files: readonly string[]): Promise<boolean> {
  const found = await Promise.all(
    files.map((file) =>
      stat(path.join(folder, file)).then(
        (it) => it.isFile(),
        () => false,
      ),
    ),
  );
  return found.every(Boolean);
}

/**
 * Fills `folder` by `fill`, which gets a temporary folder beside it: renamed only when `fill` has succeeded, so that a
 * reader sees all or nothing. One process fills at a time; the others wait and find it filled.
 */
export async function fillOnce(
  folder: string,
  files: readonly string[],
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  await mkdir(path.dirname(folder), { recursive: true });
  const release = await lock(`${folder}.lock`);
  const temporary = await mkdtemp(`${folder}.new-`);
  try {
    if (await holdsAll(folder, files)) return;
    await fill(temporary);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
    await release();
  }
}

/** A file that exists while its owner touches it. Two owners after a stall do no harm: the rename above is atomic. */
async function lock(file: string): Promise<() => Promise<void>> {
  for (;;) {
    const taken = await open(file, 'wx').catch(() => undefined);
    if (taken !== undefined) {
      await taken.close();
      break;
    }
    if (await isStale(file)) await unlink(file).catch(() => undefined);
    else await delay(250);
  }
  const heartbeat = setInterval(() => void utimes(file, new Date(), new Date()).catch(() => undefined), heartbeatMs);
  return async () => {
    clearInterval(heartbeat);
    await unlink(file).catch(() => undefined);
  };
}

async function isStale(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > staleMs;
}

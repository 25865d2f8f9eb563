import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { FileRefused } from './refusal.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/**
 * Does `work` in the folder `parts` below `root`, one step at a time through open folders, so that a symbolic link is never
 * followed, not even one that is put there between two steps. Undefined: a folder of the path is not there; with `create` it
 * is made. Throws FileRefused where a part is no folder. Linux only: it goes through /proc/self/fd.
 */
export async function inFolder<T>(
  root: string,
  parts: readonly string[],
  work: (folder: OpenFolder) => Promise<T>,
  { create = false } = {},
): Promise<T | undefined> {
  let handle = await openFolder(root);
  try {
    for (const part of parts) {
      const next = await step(handle, part, create);
      if (next === undefined) return undefined;
      await handle.close();
      handle = next;
    }
    return await work({ at: (name) => entry(handle, name) });
  } finally {
    await handle.close();
  }
}

/** A folder that stays the same one whatever becomes of its path. */
export interface OpenFolder {
  /** A path to its entry `name`, or to itself for `.`; whoever opens it must not follow a link at its end. */
  readonly at: (name: string) => string;
}

async function step(folder: FileHandle, name: string, create: boolean): Promise<FileHandle | undefined> {
  const path = entry(folder, name);
  try {
    return await openFolder(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOTDIR' || code === 'ELOOP') throw new FileRefused(`${name} is no folder; give another path`);
    if (code !== 'ENOENT') throw error;
  }
  if (!create) return undefined;
  await mkdir(path, { mode: 0o770 }).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
  });
  return await openFolder(path);
}

async function openFolder(path: string): Promise<FileHandle> {
  return await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

function entry(folder: FileHandle, name: string): string {
  return `/proc/self/fd/${folder.fd}/${name}`;
}

/** The code of an error of the file system, or ''. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

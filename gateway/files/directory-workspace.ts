import { randomUUID } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import { link, lstat, open, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../core/lib/clock.ts';
import { TalariaError } from '../../core/lib/errors.ts';
import { codeOf, inFolder, type OpenFolder } from './folder.ts';
import { type HomePath, isHomePath, isInWorkspace, withinWorkspace, workspaceFolder } from './path.ts';
import { FileRefused } from './refusal.ts';
import { createVolumeGate } from './volume-gate.ts';
import { type FileInfo, type FileOwner, maxAgentFiles, maxFileBytes, type Workspace } from './workspace.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** A workspace that other gateways write to at the same time, with nothing between them but the volume. */
export interface DirectoryWorkspace extends Workspace {
  /** Puts the whole file in place unless there is one, however many write at once. */
  readonly writeNew: (owner: FileOwner, path: HomePath, content: Buffer) => Promise<void>;
}

/**
 * Files of agents whose volume is mounted at `<homes>/<agent>/workspace`; it keeps what is in the workspace and nothing else.
 * Others may write to the volume too, so nothing in it is trusted: links, special files and files with a second name are
 * refused, and larger files than the bound too.
 */
export function createDirectoryWorkspace(homes: string, clock: Clock): DirectoryWorkspace {
  const gate = createVolumeGate(clock);
  const put = (owner: FileOwner, file: HomePath, content: Buffer, place: Place): Promise<void> =>
    onVolume(owner, async (root) => {
      if (content.length > maxFileBytes) throw new FileRefused(`a file holds at most ${maxFileBytes} bytes`);
      await inParent(root, file, (folder, last) => writeAt(folder, last, content, place), { create: true });
    });
  const onVolume = <T>({ name }: FileOwner, work: (root: string) => Promise<T>): Promise<T> =>
    gate(name, () => reporting(() => work(path.join(homes, ownFolder(name), workspaceFolder))));
  return {
    list: (owner, folder) => onVolume(owner, (root) => listFiles(root, folder, clock.now())),
    read: (owner, file) => onVolume(owner, (root) => inParent(root, file, readAt)),
    write: (owner, file, content) => put(owner, file, content, rename),
    writeNew: (owner, file, content) => put(owner, file, content, linkUnlessThere),
    remove: (owner, file) =>
      onVolume(owner, async (root) => {
        const removed = (await inParent(root, file, removeAt)) === true;
        if (removed) await removeEmptyFolders(root, partsOf(file).slice(0, -1));
        return removed;
      }),
  };
}

/** The name of an Agent is a DNS label; anything else would lead to another folder. */
function ownFolder(agent: string): string {
  if (/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(agent)) return agent;
  throw new Error(`${JSON.stringify(agent)} is no name of an Agent`);
}

function partsOf(file: HomePath): readonly string[] {
  if (!isInWorkspace(file)) throw new FileRefused(`${file} is not in the workspace`);
  return withinWorkspace(file).split('/');
}

async function inParent<T>(
  root: string,
  file: HomePath,
  work: (folder: OpenFolder, name: string) => Promise<T>,
  options?: { readonly create: boolean },
): Promise<T | undefined> {
  const parts = partsOf(file);
  return await inFolder(root, parts.slice(0, -1), (folder) => work(folder, parts.at(-1) ?? ''), options);
}

async function readAt(folder: OpenFolder, name: string): Promise<Buffer | undefined> {
  if ((await ownFile(folder, name)) === undefined) return undefined;
  // A pipe in the place of the file must not hold the thread.
  const file = await open(folder.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    demandOwnFile(await file.stat(), name);
    const content = Buffer.alloc(maxFileBytes + 1);
    const bytes = await readInto(file, content);
    if (bytes > maxFileBytes) throw new FileRefused(`${name} has more than ${maxFileBytes} bytes and cannot be read`);
    return content.subarray(0, bytes);
  } finally {
    await file.close();
  }
}

async function readInto(file: Awaited<ReturnType<typeof open>>, content: Buffer): Promise<number> {
  let bytes = 0;
  while (bytes < content.length) {
    const { bytesRead } = await file.read(content, bytes, content.length - bytes, bytes);
    if (bytesRead === 0) break;
    bytes += bytesRead;
  }
  return bytes;
}

/** Gives the file at `from` its name; what is left at `from` goes. */
type Place = (from: string, to: string) => Promise<void>;

async function linkUnlessThere(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  await unlink(from);
}

async function writeAt(folder: OpenFolder, name: string, content: Buffer, place: Place): Promise<void> {
  await ownFile(folder, name);
  const temporary = `${temporaryPrefix}${randomUUID()}`;
  const file = await open(folder.at(temporary), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o660);
  try {
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await place(folder.at(temporary), folder.at(name));
  } catch (error) {
    await unlink(folder.at(temporary)).catch(() => undefined);
    throw error;
  }
}

async function removeAt(folder: OpenFolder, name: string): Promise<boolean> {
  if ((await ownFile(folder, name)) === undefined) return false;
  await unlink(folder.at(name));
  return true;
}

/** A folder is there only while it holds something, as with rows. */
async function removeEmptyFolders(root: string, parts: readonly string[]): Promise<void> {
  for (let depth = parts.length; depth > 0; depth -= 1) {
    const last = parts[depth - 1] ?? '';
    const removed = await inFolder(root, parts.slice(0, depth - 1), async (folder) => {
      await rmdir(folder.at(last));
      return true;
    }).catch(() => undefined);
    if (removed !== true) return;
  }
}

/** Undefined: there is nothing of this name. Throws FileRefused for anything but a file of its own. */
async function ownFile(folder: OpenFolder, name: string): Promise<true | undefined> {
  try {
    demandOwnFile(await lstat(folder.at(name)), name);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

interface Kind {
  readonly isFile: () => boolean;
  readonly isDirectory: () => boolean;
  readonly nlink: number;
}

function demandOwnFile(found: Kind, name: string): void {
  if (found.isDirectory()) throw new FileRefused(`${name} is a folder; give another path`);
  if (!found.isFile()) throw new FileRefused(`${name} is a link or a special file, which no agent may use`);
  if (found.nlink > 1) throw new FileRefused(`${name} has a second name (a hard link), and no agent may use it`);
}

const temporaryPrefix = '.talaria-new-';
/** Exactly what `writeAt` makes; a file of another name is somebody's. */
const temporaryName = /^\.talaria-new-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** No write takes so long: what is older was left by a gateway that ended in the middle of one. */
const leftOverAfterMs = 3_600_000;
/** How many names are looked at for one list. */
const mostLookedAt = 10_000;

/**
 * What an agent may read: plain files of a name that a path may have, at most as many as an Agent may have. What interrupted
 * writes left is removed on the way.
 */
async function listFiles(root: string, folder: HomePath | undefined, now: number): Promise<readonly FileInfo[]> {
  const isWhole = folder === undefined || folder === workspaceFolder;
  const found: FileInfo[] = [];
  const folders: (readonly string[])[] = [isWhole ? [] : partsOf(folder)];
  let left = mostLookedAt;
  for (let parts = folders.pop(); parts !== undefined; parts = folders.pop()) {
    const inside = parts;
    await inFolder(root, parts, async (open) => {
      for await (const entry of await opendir(open.at('.'))) {
        left -= 1;
        if (left < 0 || found.length >= maxAgentFiles) return;
        const place = [...inside, entry.name];
        if (entry.isDirectory() && mayHoldFiles(place)) folders.push(place);
        else if (temporaryName.test(entry.name)) await removeLeftOver(open, entry.name, now);
        else if (isListed(entry, place)) found.push(...(await fileInfo(open, place)));
      }
    });
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Folders that no path leads into may be nested without end. */
function mayHoldFiles(place: readonly string[]): boolean {
  return isHomePath(homeForm([...place, 'x']));
}

function isListed(entry: Dirent, place: readonly string[]): boolean {
  return entry.isFile() && !entry.name.startsWith(temporaryPrefix) && isHomePath(homeForm(place));
}

/** Who cannot remove it lists all the same. */
async function removeLeftOver(folder: OpenFolder, name: string, now: number): Promise<void> {
  const found = await lstat(folder.at(name)).catch(() => undefined);
  if (found?.isFile() !== true || now - found.mtimeMs < leftOverAfterMs) return;
  await unlink(folder.at(name)).catch(() => undefined);
}

/** Nothing when the file is gone meanwhile, or has a second name. */
async function fileInfo(folder: OpenFolder, place: readonly string[]): Promise<readonly FileInfo[]> {
  const found = await lstat(folder.at(place.at(-1) ?? '')).catch(() => undefined);
  return found?.nlink === 1 ? [{ path: homeForm(place), bytes: found.size }] : [];
}

function homeForm(place: readonly string[]): string {
  return [workspaceFolder, ...place].join('/');
}

/** Turns what the file system says into what a model can act on. */
async function reporting<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = codeOf(error);
    if (['ENOSPC', 'EDQUOT'].includes(code)) throw new FileRefused('the volume is full; delete what is not needed');
    if (['EISDIR', 'ENOTDIR', 'ELOOP', 'ENOTEMPTY'].includes(code)) {
      throw new FileRefused('the path leads through what is no folder; give another path');
    }
    if (code === '' || error instanceof FileRefused) throw error;
    const message = 'the volume of the workspace cannot be used at the moment; try again shortly';
    throw new TalariaError('state_unavailable', message, { cause: error });
  }
}

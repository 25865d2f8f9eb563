import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '../files/folder.ts';
import { isInWorkspace, workspaceFolder } from '../files/path.ts';

/**
 * Makes a folder hold these files, path to text, and nothing else. Each file is put in place whole, so that whoever reads
 * while this runs, or after it was cut short, sees the old text or the new one. What is in the way, links too, is removed and
 * never followed. `workspace/` is the agent's own: it is left alone, and nothing is written into it.
 */
export async function renderHome(home: string, files: ReadonlyMap<string, string>): Promise<void> {
  const rendered = new Map([...files].filter(([file]) => !isInWorkspace(file) && file !== workspaceFolder));
  await mkdir(home, { recursive: true });
  for (const [file, text] of rendered) await renderFile(home, file.split('/'), text);
  await removeOthers(home, [], new Set(rendered.keys()));
}

/** Removes what was rendered of a home; its folder goes too, unless there is a workspace in it. */
export async function removeHome(home: string): Promise<void> {
  await removeOthers(home, [], new Set());
  await rmdir(home).catch((error: unknown) => {
    if (!['ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(codeOf(error))) throw error;
  });
}

async function renderFile(home: string, parts: readonly string[], text: string): Promise<void> {
  let folder = home;
  for (const part of parts.slice(0, -1)) {
    folder = path.join(folder, part);
    await makeFolder(folder);
  }
  const file = path.join(home, ...parts);
  const found = await kindOf(file);
  if (found === 'file' && (await readFile(file, 'utf8')) === text) return;
  if (found === 'folder') await rm(file, { recursive: true });
  const temporary = path.join(home, `.talaria-new-${randomUUID()}`);
  await writeFile(temporary, text, { flag: 'wx', mode: 0o640 });
  await rename(temporary, file);
}

async function makeFolder(folder: string): Promise<void> {
  const found = await kindOf(folder);
  if (found === 'folder') return;
  if (found !== 'nothing') await rm(folder);
  await mkdir(folder, { mode: 0o750 });
}

/** `other` is a link or a special file. */
async function kindOf(place: string): Promise<'nothing' | 'file' | 'folder' | 'other'> {
  const found = await lstat(place).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return 'nothing';
  if (found.isDirectory()) return 'folder';
  return found.isFile() ? 'file' : 'other';
}

/** Removes what is not wanted, and folders that then are empty. */
async function removeOthers(home: string, parts: readonly string[], wanted: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(path.join(home, ...parts), { withFileTypes: true })) {
    const place = [...parts, entry.name];
    const file = place.join('/');
    if (file === workspaceFolder || wanted.has(file)) continue;
    if (!entry.isDirectory()) await rm(path.join(home, file));
    else if ([...wanted].some((other) => other.startsWith(`${file}/`))) await removeOthers(home, place, wanted);
    else await rm(path.join(home, file), { recursive: true });
  }
}

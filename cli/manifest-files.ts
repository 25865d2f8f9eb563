import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * The manifest files of files and folders: in a folder, and in every folder in it, each `.yaml`, `.yml` and `.json` file
 * whose name does not begin with a dot, sorted by path. Rejects when a path is not there or a folder cannot be read.
 */
export async function manifestFiles(place: string): Promise<readonly string[]> {
  const info = await stat(place);
  return info.isDirectory() ? (await filesIn(place)).sort() : [place];
}

const extensions = ['.yaml', '.yml', '.json'];

/** Links to files are followed, since a mounted ConfigMap is made of them; links to folders are not, since they may go round. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'));
  const found = await Promise.all(
    entries.map(async (entry) => {
      const place = path.join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesIn(place);
      return extensions.includes(path.extname(entry.name)) && (await isFile(place)) ? [place] : [];
    }),
  );
  return found.flat();
}

async function isFile(place: string): Promise<boolean> {
  return (await stat(place).catch(() => undefined))?.isFile() ?? false;
}

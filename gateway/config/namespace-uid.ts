import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

const fileName = 'namespace-uid';
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The uid of the namespace, from the API server or, while that does not answer, from what an earlier process left in
 * `folder`. A uid never changes, so an old answer is as good as a new one; what is no uid counts as not there. Rejects with
 * what `ask` rejects with, and with an Error when its answer is no UUID.
 */
export async function readNamespaceUid(ask: () => Promise<string>, folder: string | undefined): Promise<string> {
  const remembered = folder === undefined ? '' : await readFile(path.join(folder, fileName), 'utf8').catch(() => '');
  if (uuid.test(remembered)) return remembered;
  const uid = await ask();
  if (!uuid.test(uid)) {
    throw new Error(
      `The API server says that the uid of the namespace is "${uid}", which is no UUID. Look at the server.`,
    );
  }
  if (folder !== undefined) await save(folder, uid);
  return uid;
}

/** Whole or not at all: the database of another namespace would be taken, or the own one refused, by half a uid. */
async function save(folder: string, uid: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, fileName);
  await writeFile(`${file}.new`, uid);
  await rename(`${file}.new`, file);
}

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

const fileName = 'namespace-uid';

/**
 * The uid of the namespace, from the API server or, while that does not answer, from what an earlier process left in
 * `folder`. A uid never changes, so an old answer is as good as a new one.
 */
export async function readNamespaceUid(ask: () => Promise<string>, folder: string | undefined): Promise<string> {
  const file = folder === undefined ? undefined : path.join(folder, fileName);
  const remembered = file === undefined ? '' : await readFile(file, 'utf8').catch(() => '');
  if (remembered !== '') return remembered;
  const uid = await ask();
  if (folder !== undefined && file !== undefined) {
    await mkdir(folder, { recursive: true });
    await writeFile(file, uid);
  }
  return uid;
}

import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readNamespaceUid } from '../../../../gateway/config/namespace-uid.ts';
import { temporaryFolder } from '../../../harness/temporary-folder.ts';

const uid = '0b5f0d1e-6a52-4a5e-9b0a-3d2f6c1e7a90';
let folder: string;
let file: string;
beforeEach(async () => {
  folder = await temporaryFolder('namespace-uid');
  file = path.join(folder, 'namespace-uid');
});
afterEach(() => rm(folder, { recursive: true }));

const away = () => Promise.reject(new Error('the API server does not answer'));

describe('the uid of the namespace', () => {
  it('is asked for once and remembered for a start without an API server', async () => {
    expect(await readNamespaceUid(async () => uid, folder)).toBe(uid);
    expect(await readNamespaceUid(away, folder)).toBe(uid);
    expect(await readdir(folder)).toEqual(['namespace-uid']);
  });

  it.each([
    ['half of one', uid.slice(0, 20)],
    ['nothing', ''],
    ['something else', 'not found'],
  ])('is asked for again when the file holds %s', async (_what, text) => {
    await writeFile(file, text);
    await expect(readNamespaceUid(away, folder)).rejects.toThrow('does not answer');
    expect(await readNamespaceUid(async () => uid, folder)).toBe(uid);
    expect(await readFile(file, 'utf8')).toBe(uid);
  });

  it('is refused, and not remembered, when it is no UUID', async () => {
    await expect(readNamespaceUid(async () => 'default', folder)).rejects.toThrow('"default", which is no UUID');
    expect(await readdir(folder)).toEqual([]);
  });
});

import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../harness/temporary-folder.ts';

it('a temporary folder lives as long as its process may need it, and not longer', async () => {
  const dead = spawnSync('true').pid;
  const abandoned = await mkdtemp(path.join(tmpdir(), `talaria-unit-test-${dead}-`));
  const first = await temporaryFolder('unit-test');
  const second = await temporaryFolder('unit-test');
  expect(await readdir(first)).toEqual([]);
  expect(second).not.toBe(first);
  await expect(stat(abandoned)).rejects.toThrow('ENOENT');
  await Promise.all([first, second].map((folder) => rm(folder, { recursive: true })));
});

import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fillOnce, holdsAll } from '../../harness/binary-cache.ts';

describe('the cache of built programs', () => {
  let root: string;
  let folder: string;
  const fill = async (temporary: string) => writeFile(path.join(temporary, 'etcd'), 'program');

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'talaria-cache-'));
    folder = path.join(root, 'control-plane', '1.0.0');
  });
  afterEach(() => rm(root, { recursive: true }));

  it('holds what was built, and nothing else is left', async () => {
    await fillOnce(folder, ['etcd'], fill);
    expect(await holdsAll(folder, ['etcd'])).toBe(true);
    expect(await readFile(path.join(folder, 'etcd'), 'utf8')).toBe('program');
    expect(await readdir(path.dirname(folder))).toEqual(['1.0.0']);
  });

  it('builds once when two ask at the same time', async () => {
    let builds = 0;
    const slowly = async (temporary: string) => {
      builds += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
      await fill(temporary);
    };
    await Promise.all([fillOnce(folder, ['etcd'], slowly), fillOnce(folder, ['etcd'], slowly)]);
    expect(builds).toBe(1);
  });

  it('keeps nothing of a build that failed, and the next one can begin', async () => {
    const fails = async (temporary: string) => {
      await fill(temporary);
      throw new Error('no space left');
    };
    await expect(fillOnce(folder, ['etcd'], fails)).rejects.toThrow('no space left');
    expect(await readdir(path.dirname(folder))).toEqual([]);
    await fillOnce(folder, ['etcd'], fill);
    expect(await holdsAll(folder, ['etcd'])).toBe(true);
  });

  it('replaces a folder that lacks a program', async () => {
    await fillOnce(folder, ['etcd'], fill);
    await fillOnce(folder, ['etcd', 'kubectl'], async (temporary) => {
      await fill(temporary);
      await writeFile(path.join(temporary, 'kubectl'), 'program');
    });
    expect(await readdir(folder)).toEqual(['etcd', 'kubectl']);
  });

  it('does not wait for a builder that died', async () => {
    await fillOnce(folder, ['etcd'], fill);
    const lock = `${folder}.lock`;
    await writeFile(lock, '');
    await utimes(lock, new Date(0), new Date(0));
    await fillOnce(folder, ['etcd'], () => Promise.reject(new Error('it is there already')));
    expect(await readdir(path.dirname(folder))).toEqual(['1.0.0']);
  });
});

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { link, lstat, mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../core/lib/clock.ts';
import { createDirectoryWorkspace, type DirectoryWorkspace } from '../../../../gateway/files/directory-workspace.ts';
import { homePath } from '../../../../gateway/files/path.ts';
import { temporaryFolder } from '../../../harness/temporary-folder.ts';

const coder = { name: 'coder', uid: 'u1' };
const file = (name: string) => homePath(`workspace/${name}`);

let homes: string;
let root: string;
let workspace: DirectoryWorkspace;

beforeEach(async () => {
  homes = await temporaryFolder('homes');
  root = path.join(homes, 'coder', 'workspace');
  await mkdir(root, { recursive: true });
  workspace = createDirectoryWorkspace(homes, systemClock);
});
afterEach(() => rm(homes, { recursive: true, force: true }));

describe('a workspace on a volume', () => {
  it('gives back what was written, in folders that are there while they hold something', async () => {
    await workspace.write(coder, file('a/b/c.txt'), Buffer.from('one'));
    await workspace.write(coder, file('a/b/c.txt'), Buffer.from('two'));
    expect((await workspace.read(coder, file('a/b/c.txt')))?.toString()).toBe('two');
    expect(await workspace.list(coder)).toEqual([{ path: 'workspace/a/b/c.txt', bytes: 3 }]);
    expect(await workspace.list(coder, homePath('workspace/a'))).toHaveLength(1);
    expect(await workspace.remove(coder, file('a/b/c.txt'))).toBe(true);
    expect(await workspace.remove(coder, file('a/b/c.txt'))).toBe(false);
    expect(await readdir(root)).toEqual([]);
  });

  it('has nothing where nothing is', async () => {
    expect(await workspace.read(coder, file('a/b'))).toBeUndefined();
    expect(await workspace.list(coder, homePath('workspace/none'))).toEqual([]);
  });

  it('follows no link to a file or a folder, and lists none', async () => {
    const outside = path.join(homes, 'outside');
    await mkdir(outside);
    await writeFile(path.join(outside, 'secret'), 'secret');
    await symlink(outside, path.join(root, 'folder'));
    await symlink(path.join(outside, 'secret'), path.join(root, 'link'));
    await symlink('/proc/self', path.join(root, 'proc'));
    for (const name of ['link', 'folder/secret', 'folder/new', 'proc/environ']) {
      await expect(workspace.read(coder, file(name)), name).rejects.toThrow(/link|no folder/);
      await expect(workspace.write(coder, file(name), Buffer.from('x')), name).rejects.toThrow(/link|no folder/);
      await expect(workspace.remove(coder, file(name)), name).rejects.toThrow(/link|no folder/);
    }
    expect(await workspace.list(coder)).toEqual([]);
    await expect(workspace.list(coder, homePath('workspace/folder'))).rejects.toThrow('no folder');
    expect(await readFile(path.join(outside, 'secret'), 'utf8')).toBe('secret');
    expect(await readdir(outside)).toEqual(['secret']);
  });

  it('never leaves the folder while links come and go in the middle of writing and reading', async () => {
    const outside = path.join(homes, 'outside');
    await mkdir(outside);
    await writeFile(path.join(outside, 'f'), 'secret');
    let swapping = true;
    const swap = (async () => {
      while (swapping) {
        // A file that is written meanwhile keeps the folder for one more round.
        await rm(path.join(root, 'd'), { recursive: true, force: true }).catch(() => undefined);
        await symlink(outside, path.join(root, 'd')).catch(() => undefined);
        await rm(path.join(root, 'd'), { force: true }).catch(() => undefined);
        await mkdir(path.join(root, 'd')).catch(() => undefined);
      }
    })();
    const read = new Set<string>();
    for (let i = 0; i < 100; i += 1) {
      await workspace.write(coder, file('d/f'), Buffer.from('own')).catch(() => undefined);
      read.add(String(await workspace.read(coder, file('d/f')).catch(() => undefined)));
    }
    swapping = false;
    await swap;
    expect(read).not.toContain('secret');
    expect(await readFile(path.join(outside, 'f'), 'utf8')).toBe('secret');
    expect(await readdir(outside)).toEqual(['f']);
  });

  it('refuses files with a second name, sockets, folders and what is too large', async () => {
    await writeFile(path.join(homes, 'other'), 'x');
    await link(path.join(homes, 'other'), path.join(root, 'hard'));
    const socket = createServer().listen(path.join(root, 'socket'));
    await once(socket, 'listening');
    await mkdir(path.join(root, 'folder'));
    await writeFile(path.join(root, 'large'), Buffer.alloc(1024 * 1024 + 1));
    await expect(workspace.read(coder, file('hard'))).rejects.toThrow('hard link');
    await expect(workspace.write(coder, file('hard'), Buffer.from('y'))).rejects.toThrow('hard link');
    await expect(workspace.read(coder, file('socket'))).rejects.toThrow('special file');
    await expect(workspace.write(coder, file('folder'), Buffer.from('y'))).rejects.toThrow('is a folder');
    await expect(workspace.read(coder, file('large'))).rejects.toThrow('more than 1048576 bytes');
    await expect(workspace.write(coder, file('new'), Buffer.alloc(1024 * 1024 + 1))).rejects.toThrow('at most');
    expect((await workspace.list(coder)).map((found) => found.path)).toEqual(['workspace/large']);
    socket.close();
  });

  it('takes a new file from one of many writers, and leaves one alone that is there', async () => {
    const replicas = Array.from({ length: 8 }, () => createDirectoryWorkspace(homes, systemClock));
    await Promise.all(replicas.map((replica, at) => replica.writeNew(coder, file('seed'), Buffer.from(`${at}`))));
    const first = (await workspace.read(coder, file('seed')))?.toString();
    expect(first).toMatch(/^[0-7]$/);
    await workspace.writeNew(coder, file('seed'), Buffer.from('again'));
    expect((await workspace.read(coder, file('seed')))?.toString()).toBe(first);
    expect(await readdir(root)).toEqual(['seed']);
  });

  it('leaves nothing half written: a file of an interrupted write is neither listed nor in the way', async () => {
    await writeFile(path.join(root, '.talaria-new-x'), 'half');
    await workspace.write(coder, file('a'), Buffer.from('whole'));
    expect((await workspace.list(coder)).map((found) => found.path)).toEqual(['workspace/a']);
    expect((await lstat(path.join(root, 'a'))).mode & 0o007).toBe(0);
  });

  it('removes what an interrupted write left an hour ago, and nothing that is newer or has another name', async () => {
    const [old, fresh] = [randomUUID(), randomUUID()].map((id) => `.talaria-new-${id}`) as [string, string];
    const anHourAgo = new Date(Date.now() - 3_700_000);
    for (const name of [old, fresh, '.talaria-new-x']) await writeFile(path.join(root, name), 'half');
    for (const name of [old, '.talaria-new-x']) await utimes(path.join(root, name), anHourAgo, anHourAgo);
    expect(await workspace.list(coder)).toEqual([]);
    expect((await readdir(root)).sort()).toEqual([fresh, '.talaria-new-x'].sort());
  });

  it('keeps what is in the workspace and nothing else of the home', async () => {
    await writeFile(path.join(homes, 'coder', 'SOUL.md'), 'soul');
    await expect(workspace.read(coder, homePath('SOUL.md'))).rejects.toThrow('not in the workspace');
  });

  it('is each agent’s own, whatever a name looks like', async () => {
    await mkdir(path.join(homes, 'writer', 'workspace'), { recursive: true });
    await workspace.write({ name: 'writer', uid: 'u2' }, file('a'), Buffer.from('writer'));
    expect(await workspace.read(coder, file('a'))).toBeUndefined();
    for (const name of ['../homes/writer', 'coder/../writer', '.', '', 'a\0b']) {
      await expect(workspace.read({ name, uid: 'u3' }, file('a'))).rejects.toThrow();
    }
  });

  it('cannot be used while the volume is not there, and says so', async () => {
    await expect(workspace.list({ name: 'absent', uid: 'u4' })).rejects.toMatchObject({ code: 'state_unavailable' });
  });
});

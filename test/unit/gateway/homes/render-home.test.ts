import { chmod, link, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeHome, renderHome } from '../../../../gateway/homes/render-home.ts';
import { temporaryFolder } from '../../../harness/temporary-folder.ts';

let root: string;
let home: string;
beforeEach(async () => {
  root = await temporaryFolder('home');
  home = path.join(root, 'coder');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const render = (files: Readonly<Record<string, string>>) => renderHome(home, new Map(Object.entries(files)));
const inside = (...parts: readonly string[]) => path.join(home, ...parts);

/** Every file of the home with its text, and every empty folder. */
async function content(): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => path.join(entry.parentPath, entry.name));
  const texts = await Promise.all(files.map(async (file) => [path.relative(home, file), await readFile(file, 'utf8')]));
  return Object.fromEntries(texts.sort());
}

describe('a rendered home', () => {
  it('holds its files and nothing else', async () => {
    await render({ 'SOUL.md': 'one', 'skills/a/SKILL.md': 'a', 'docs/x.md': 'x' });
    expect(await content()).toEqual({ 'SOUL.md': 'one', 'docs/x.md': 'x', 'skills/a/SKILL.md': 'a' });
    await render({ 'SOUL.md': 'two', 'skills/b/SKILL.md': 'b' });
    expect(await content()).toEqual({ 'SOUL.md': 'two', 'skills/b/SKILL.md': 'b' });
    expect(await readdir(home)).toEqual(['SOUL.md', 'skills']);
  });

  it('is left alone where it is as it should be', async () => {
    await render({ 'SOUL.md': 'one' });
    const before = await stat(inside('SOUL.md'));
    await render({ 'SOUL.md': 'one', 'docs/x.md': 'x' });
    expect(await stat(inside('SOUL.md'))).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
  });

  it('has another file at once: what a reader holds open stays as it was', async () => {
    await render({ 'SOUL.md': 'one' });
    await link(inside('SOUL.md'), path.join(root, 'held'));
    await render({ 'SOUL.md': 'two' });
    expect([await readFile(path.join(root, 'held'), 'utf8'), await readFile(inside('SOUL.md'), 'utf8')]).toEqual([
      'one',
      'two',
    ]);
  });

  it('is put right after a rendering that was cut short', async () => {
    await mkdir(inside('skills', 'a'), { recursive: true });
    await writeFile(inside('.talaria-new-1'), 'half');
    await writeFile(inside('skills', 'a', 'SKILL.md'), 'old');
    await render({ 'SOUL.md': 'one', 'skills/a/SKILL.md': 'a' });
    expect(await content()).toEqual({ 'SOUL.md': 'one', 'skills/a/SKILL.md': 'a' });
  });

  it('takes the place of files and folders that are in the way', async () => {
    await render({ docs: 'a file', 'notes/today.md': 'x' });
    await render({ 'docs/x.md': 'x', notes: 'a file' });
    expect(await content()).toEqual({ 'docs/x.md': 'x', notes: 'a file' });
  });

  it('follows no link out of it', async () => {
    const outside = path.join(root, 'outside');
    await mkdir(outside);
    await writeFile(path.join(outside, 'SKILL.md'), 'theirs');
    await mkdir(home);
    await symlink(outside, inside('skills'));
    await symlink(path.join(outside, 'SKILL.md'), inside('SOUL.md'));
    await symlink(outside, inside('stale'));
    await render({ 'SOUL.md': 'one', 'skills/SKILL.md': 'mine' });
    expect(await content()).toEqual({ 'SOUL.md': 'one', 'skills/SKILL.md': 'mine' });
    expect(await readFile(path.join(outside, 'SKILL.md'), 'utf8')).toBe('theirs');
  });

  it('keeps the workspace as the agent left it', async () => {
    await mkdir(inside('workspace'), { recursive: true });
    await writeFile(inside('workspace', 'own.md'), 'own');
    await chmod(inside('workspace'), 0o555);
    await render({ 'SOUL.md': 'one', 'workspace/guide.md': 'guide' });
    expect(await content()).toEqual({ 'SOUL.md': 'one', 'workspace/own.md': 'own' });
    await removeHome(home);
    expect(await content()).toEqual({ 'workspace/own.md': 'own' });
    await chmod(inside('workspace'), 0o755);
  });

  it('goes whole when there is no workspace in it', async () => {
    await render({ 'SOUL.md': 'one', 'skills/a/SKILL.md': 'a' });
    await removeHome(home);
    expect(await readdir(root)).toEqual([]);
  });
});

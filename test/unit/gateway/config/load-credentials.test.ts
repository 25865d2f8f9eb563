import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMounted } from '../../../../gateway/config/load-credentials.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'credentials-'));
  mkdirSync(path.join(folder, 'mounted'));
  writeFileSync(path.join(folder, 'outside'), 'not yours');
  writeFileSync(path.join(folder, 'mounted', 'a.model.v1'), 'value');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('mounted credentials', () => {
  it('are read by name, and those that are missing are left out', async () => {
    const found = await readMounted(path.join(folder, 'mounted'), ['a.model.v1', 'b.model.v1']);
    expect([...found]).toEqual([['a.model.v1', 'value']]);
  });

  it('never come from outside their folder', async () => {
    const names = ['../outside', path.join(folder, 'outside'), '..', '.', ''];
    expect([...(await readMounted(path.join(folder, 'mounted'), names))]).toEqual([]);
  });

  it('are none when the folder is missing', async () => {
    expect((await readMounted(path.join(folder, 'nowhere'), ['a.model.v1'])).size).toBe(0);
  });
});

import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readArchive } from '../../../../cli/agents/archive-file.ts';
import { temporaryFolder } from '../../../harness/temporary-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder('archive');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const head = { type: 'agent', format: 1, agent: 'a', uid: 'u', exported_at: '2026-01-01T00:00:00Z' };
const end = { type: 'end', files: 0, sessions: 0, items: 0 };
const seed = (at: number, characters = 1) => ({ type: 'seed', path: `${at}-${'x'.repeat(characters)}` });

async function written(...lines: readonly (object | string)[]): Promise<string> {
  const file = path.join(folder, 'a.jsonl');
  const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  await writeFile(file, `${texts.join('\n')}\n`);
  return file;
}

async function partsOf(parts: AsyncIterable<readonly unknown[]>): Promise<readonly (readonly unknown[])[]> {
  const all = [];
  for await (const part of parts) all.push(part);
  return all;
}

describe('the archive of an Agent in a file', () => {
  it('is a file: a folder or a pipe, which can be read once, is refused', async () => {
    await expect(readArchive(folder)).rejects.toThrow(`${folder} is no file; save the archive to one first`);
    await expect(readArchive('/dev/null')).rejects.toThrow('/dev/null is no file');
  });

  it('is sent in order, in parts that a gateway takes', async () => {
    const many = Array.from({ length: 2_500 }, (_, at) => seed(at));
    const large = [1, 2, 3].map((at) => seed(at, 3_000_000));
    const { agent, parts, head: first } = await readArchive(await written(head, ...many, ...large, end));
    const all = await partsOf(parts());
    expect([agent, first]).toEqual(['a', head]);
    expect(all.map((part) => part.length)).toEqual([2_000, 501, 1, 1]);
    expect(all.flat()).toEqual([...many, ...large]);
    for (const part of all) expect(JSON.stringify(part).length).toBeLessThan(9_000_000);
  });

  it('may be that of an Agent that has nothing', async () => {
    const { parts } = await readArchive(await written(head, end));
    expect(await partsOf(parts())).toEqual([]);
  });

  it.each([
    ['that was cut between two lines', [head, seed(1)], 'was cut'],
    ['that was cut in a line', [head, '{"type":"se'], ':2 is not JSON'],
    ['of something else', [{ object: 'session' }, end], 'is no archive'],
    ['of another format', [{ ...head, format: 2 }, end], 'is no archive'],
    ['that is empty', [''], ':1 is not JSON'],
  ])('is refused when it is one %s', async (_what, lines, told) => {
    await expect(readArchive(await written(...lines))).rejects.toThrow(told);
  });

  it('is refused when it is not there', async () => {
    await expect(readArchive(path.join(folder, 'none'))).rejects.toThrow('cannot be read');
  });
});

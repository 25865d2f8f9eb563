import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLogger } from '../../../../core/lib/log.ts';
import { buildTable, type Table } from '../../../../gateway/config/table.ts';
import { createAgentNames } from '../../../../gateway/db/agent-names.ts';
import { configuration } from '../../../harness/entries.ts';
import { temporaryFolder } from '../../../harness/temporary-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder('agent-names');
});
afterEach(() => rm(folder, { recursive: true }));

const namesIn = () => createAgentNames(folder, createLogger('test', 'silent'));
const serving = (...names: readonly string[]): Promise<Table> =>
  buildTable(configuration({ agents: names.map((name) => ({ name })) }));
/** A file of an earlier process. */
const remembers = (complete: boolean, ...names: readonly string[]) =>
  writeFile(path.join(folder, 'agent-names.json'), JSON.stringify({ complete, names }));

it('a name that was served without a database is known as gone after a restart', async () => {
  await remembers(true, 'main');
  const first = namesIn();
  await first.load();
  first.note(await serving('main', 'brief'));
  first.note(await serving('main'));
  await first.settled();
  const second = namesIn();
  await second.load();
  expect(second.isRetired('brief')).toBe(true);
  expect(second.isRetired('gpt-4o')).toBe(false);
});

it('names that were noted before the folder was read do not replace what it holds', async () => {
  await remembers(true, 'retired');
  const names = namesIn();
  names.note(await serving('main'));
  await names.load();
  expect(JSON.parse(await readFile(path.join(folder, 'agent-names.json'), 'utf8'))).toEqual({
    complete: true,
    names: ['main', 'retired'],
  });
});

it('a folder that never saw the database says nothing of a name that it does not hold', async () => {
  const first = namesIn();
  await first.load();
  first.note(await serving('main'));
  await first.settled();
  const second = namesIn();
  await second.load();
  expect(second.isRetired('main')).toBe(true);
  expect(() => second.isRetired('gpt-4o')).toThrowError(expect.objectContaining({ code: 'state_unavailable' }));
});

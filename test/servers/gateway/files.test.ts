import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../../core/lib/hash.ts';
import { createLogger } from '../../../core/lib/log.ts';
import { createDatabase, type Database } from '../../../gateway/db/pool.ts';
import { homePath } from '../../../gateway/files/path.ts';
import { createRowWorkspace } from '../../../gateway/files/row-workspace.ts';
import { createSeedRecord } from '../../../gateway/files/seeds.ts';
import type { Workspace } from '../../../gateway/files/workspace.ts';
import { ask, type TestGateway } from '../../harness/gateway.ts';
import { mock, remote, setUpStage, startOnStage, state } from './stage.ts';

setUpStage();

const a = { name: 'a', uid: 'uid-a' };
const b = { name: 'b', uid: 'uid-b' };
const at = (name: string) => homePath(`workspace/${name}`);
const megabyte = Buffer.alloc(1024 * 1024, 'x');

describe('files as rows', () => {
  let databases: Database[];
  let first: Workspace;
  let second: Workspace;
  beforeEach(() => {
    const open = () => createDatabase({ url: state.url, directUrl: state.url, log: createLogger('test', 'silent') });
    databases = [open(), open()];
    [first, second] = databases.map((database) => createRowWorkspace(database)) as [Workspace, Workspace];
  });
  afterEach(() => Promise.all(databases.map((database) => database.stop())));

  it('are the same on two replicas, byte by byte', async () => {
    const bytes = Buffer.from([0, 255, 10, 13]);
    await first.write(a, at('x/y'), bytes);
    expect(await second.read(a, at('x/y'))).toEqual(bytes);
    expect(await second.list(a)).toEqual([{ path: 'workspace/x/y', bytes: 4 }]);
    expect(await second.list(a, at('x'))).toHaveLength(1);
    expect(await second.remove(a, at('x/y'))).toBe(true);
    expect(await first.read(a, at('x/y'))).toBeUndefined();
    expect(await first.remove(a, at('x/y'))).toBe(false);
  });

  it('are one agent’s: no other sees, changes or counts them', async () => {
    await first.write(a, at('own'), Buffer.from('a'));
    expect(await first.read(b, at('own'))).toBeUndefined();
    expect(await first.list(b)).toEqual([]);
    expect(await first.remove(b, at('own'))).toBe(false);
    await first.write(b, at('own'), Buffer.from('b'));
    expect((await first.read(a, at('own')))?.toString()).toBe('a');
    expect(await state.rows('select agent, agent_uid, path from files order by agent')).toEqual([
      { agent: 'a', agent_uid: 'uid-a', path: 'workspace/own' },
      { agent: 'b', agent_uid: 'uid-b', path: 'workspace/own' },
    ]);
  });

  it('are no folders of each other', async () => {
    await first.write(a, at('d/file'), Buffer.from('x'));
    await expect(first.write(a, at('d'), Buffer.from('x'))).rejects.toThrow('is a folder: it holds workspace/d/file');
    await expect(first.write(a, at('d/file/more'), Buffer.from('x'))).rejects.toThrow('workspace/d/file is a file');
    await first.write(a, at('d-2'), Buffer.from('x'));
    await first.write(a, at('d0'), Buffer.from('x'));
    expect(await first.list(a, at('d'))).toHaveLength(1);
  });

  it('hold at most 1 MiB each', async () => {
    await first.write(a, at('fits'), megabyte);
    await expect(first.write(a, at('large'), Buffer.alloc(megabyte.length + 1))).rejects.toThrow(
      'at most 1048576 bytes',
    );
  });

  it('hold at most 64 MiB of an agent, however many replicas write at once', async () => {
    await state.rows(
      `insert into files (agent, agent_uid, path, content)
       select 'a', 'uid-a', 'workspace/' || i, convert_to(repeat('x', 1048576), 'UTF8') from generate_series(1, 62) i`,
    );
    const writes = Array.from({ length: 6 }, (_, i) => [first, second][i % 2]?.write(a, at(`f${i}`), megabyte));
    const outcomes = await Promise.allSettled(writes);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
    expect(new Set(refused)).toEqual(
      new Set([expect.stringContaining('at most 67108864 bytes together; delete what is not needed')]),
    );
    expect(await state.rows('select files, bytes from file_totals')).toEqual([{ files: 64, bytes: '67108864' }]);
    const [kept] = await first.list(a);
    if (kept === undefined) throw new Error('files were written');
    await first.write(a, homePath(kept.path), Buffer.from('smaller'));
    await second.write(a, at('again'), Buffer.alloc(1000));
    await second.write(b, at('own'), megabyte);
  });

  it('are at most 2,000 of an agent', async () => {
    await state.rows(
      `insert into files (agent, agent_uid, path, content) select 'a', 'uid-a', 'workspace/' || i, '' from generate_series(1, 1999) i`,
    );
    const outcomes = await Promise.allSettled([first, second].map((each, i) => each.write(a, at(`new${i}`), megabyte)));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await first.list(a)).toHaveLength(2_000);
  });

  it('are seeded once, by whichever replica is first', async () => {
    const seeds = databases.map((database) => createSeedRecord(database));
    const path = homePath('todo.md');
    await Promise.all(seeds.map((record, i) => record.seed(a, path, Buffer.from(`seed ${i}`))));
    expect(await first.list(a)).toEqual([{ path, bytes: 6 }]);
    await first.remove(a, path);
    await seeds[0]?.seed(a, path, Buffer.from('again'));
    expect(await first.read(a, path)).toBeUndefined();
    expect(await seeds[1]?.unseeded(a, [path, homePath('other.md')])).toEqual(['other.md']);
    expect(await seeds[1]?.unseeded(b, [path])).toEqual([path]);
  });
});

describe('the tool files', () => {
  const agents = (...names: readonly string[]) =>
    names.map((name) => ({
      name,
      model: remote(),
      instructions: `You are ${name}.`,
      tools: { builtin: ['files'], maxSteps: 4, mcpServers: [] },
      files: [{ path: 'todo.md', text: sha256('seed'), policy: 'Seed' as const }],
    }));
  const serves = () => ({
    agents: agents('a', 'b'),
    texts: ['seed', 'changed'],
    gatewayKeys: [{ name: 'one', key: 'one' }],
  });

  /** What the model reads of a call that an agent's turn makes. */
  async function use({ url }: TestGateway, agent: string, name: string, input: object): Promise<string> {
    mock.next({ kind: 'tools', calls: [{ name, arguments: input }] }, { kind: 'answer', text: 'done' });
    const answer = await ask(url, { key: 'one', model: `talaria/${agent}` });
    expect(answer).toMatchObject({ status: 200, text: 'done', agent });
    return String(mock.requests.at(-1)?.body.messages.at(-1)?.content);
  }

  it('gives an agent the same home on every replica, over restarts and changes of its spec', async () => {
    const one = await startOnStage({ serves: serves() });
    expect(await use(one, 'a', 'read_file', { path: 'todo.md' })).toBe('seed');
    await use(one, 'a', 'write_file', { path: 'todo.md', content: 'mine' });
    await use(one, 'a', 'write_file', { path: 'workspace/notes.md', content: 'noted' });
    await one.stop();
    const two = await startOnStage({ serves: serves() });
    await two.serve({
      ...serves(),
      agents: agents('a', 'b').map((agent) => ({
        ...agent,
        files: [{ path: 'todo.md', text: sha256('changed'), policy: 'Seed' as const }],
      })),
    });
    expect(await use(two, 'a', 'read_file', { path: 'todo.md' })).toBe('mine');
    expect(await use(two, 'a', 'read_file', { path: 'workspace/notes.md' })).toBe('noted');
    expect(await use(two, 'b', 'read_file', { path: 'todo.md' })).toBe('changed');
  });

  it('gives no agent the file of another one, however the path is spelt', async () => {
    const gateway = await startOnStage({ serves: serves() });
    await use(gateway, 'a', 'write_file', { path: 'workspace/secret.md', content: 'the secret of a' });
    for (const path of [
      'workspace/secret.md',
      '../a/workspace/secret.md',
      'workspace/../../a/workspace/secret.md',
      '/var/lib/talaria-homes/a/workspace/secret.md',
      'a/workspace/secret.md',
      "' or agent = 'a",
      '%',
    ]) {
      for (const [name, input] of [
        ['read_file', { path }],
        ['list_files', { folder: path }],
        ['delete_file', { path }],
      ] as const) {
        const told = await use(gateway, 'b', name, input);
        expect(told, path).not.toContain('the secret of a');
        expect(told, path).toMatch(/call failed|no files/);
      }
    }
    expect(await use(gateway, 'a', 'read_file', { path: 'workspace/secret.md' })).toBe('the secret of a');
  });

  it('tells the model when the database is away, and the turn goes on', async () => {
    const gateway = await startOnStage({ serves: serves(), databaseUrl: 'postgres://nobody@127.0.0.1:1/nothing' });
    expect(await use(gateway, 'a', 'write_file', { path: 'workspace/a', content: 'x' })).toMatch(
      /The call failed: .*(cannot be (used|reached))/,
    );
    expect(await use(gateway, 'a', 'read_file', { path: 'SOUL.md' })).toBe('You are a.');
  });
});

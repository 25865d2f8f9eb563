import pg from 'pg';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../../core/lib/clock.ts';
import { createLogger } from '../../../core/lib/log.ts';
import { within } from '../../../core/lib/within.ts';
import { createHints, type Hints } from '../../../gateway/db/hints.ts';
import { createDatabase } from '../../../gateway/db/pool.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createState, type TestState } from '../schedule/state.ts';

interface Replica {
  readonly hints: Hints;
  readonly metric: (name: string) => Promise<number>;
  readonly stop: () => Promise<void>;
}

const log = createLogger('test', 'silent');
const noOne = 'postgres://talaria@127.0.0.1:1/talaria';
let state: TestState;
let replicas: Replica[];
beforeEach(async () => {
  state = await createState();
  replicas = [];
});
afterEach(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
  await state.drop();
});

it('what one replica tells, another hears, and each hears it once', async () => {
  const [a, b] = [await workingReplica(), await workingReplica()];
  const [here, there] = [collect(a), collect(b)];
  a.hints.tell('run', 'stopped');
  expect(here).toEqual(['stopped']);
  await waitFor('the other replica to hear', () => there.length > 0, { timeoutMs: 4_000, intervalMs: 1 });
  b.hints.tell('run', 'answered');
  await waitFor('the answer', () => here.length > 1, { timeoutMs: 4_000, intervalMs: 1 });
  expect([here, there]).toEqual([
    ['stopped', 'answered'],
    ['stopped', 'answered'],
  ]);
});

it('a wait on another replica ends with the hint, long before the poll', async () => {
  const [a, b] = [await workingReplica(), await workingReplica()];
  expect(b.hints.pollMs()).toBe(5_000);
  const woken: string[] = [];
  const { signal } = new AbortController();
  void b.hints
    .follow('session', 'mine')
    .next(signal)
    .then(() => woken.push('mine'));
  void b.hints
    .follow('session', 'another')
    .next(signal)
    .then(() => woken.push('another'));
  a.hints.tell('session', 'mine');
  await waitFor('the wait to end', () => woken.length > 0, { timeoutMs: 4_000, intervalMs: 1 });
  expect(woken).toEqual(['mine']);
});

it('1,000 hints told at once, each twice, go in five notifications', async () => {
  const [a, b] = [await workingReplica(), await workingReplica()];
  const raw = await rawListener();
  const there = collect(b);
  const ids = Array.from({ length: 1_000 }, (_, index) => `0192f0c1-a2b3-7c4d-8e9f-${String(index).padStart(12, '0')}`);
  for (const id of ids) a.hints.tell('run', id);
  for (const id of ids) a.hints.tell('run', id);
  await waitFor('every hint', () => there.length === 1_000);
  expect([...there].sort()).toEqual(ids);
  // The statement that the raw listener sees next shows that it has seen all.
  await state.rows(`select pg_notify('talaria_hints', 'the end')`);
  await waitFor('the end', () => raw.payloads.includes('the end'));
  expect(raw.payloads.filter((payload) => payload.includes('"run"'))).toHaveLength(5);
  await raw.stop();
});

it('a replica whose connection broke polls each second, connects again, and wakes all who waited', async () => {
  const [a, b] = [await workingReplica(), await workingReplica()];
  const there = collect(b, '');
  let woken = 0;
  const before = await listeners();
  void b.hints
    .follow('session', 'mine')
    .next(new AbortController().signal)
    .then(() => {
      woken += 1;
    });
  await state.rows('select pg_terminate_backend(pid) from pg_stat_activity where pid = any($1)', [before]);
  await waitFor('the loss to be noticed', () => b.hints.pollMs() === 1_000, { intervalMs: 1 });
  await waitFor('waiters to be woken', () => there.includes('') && woken === 1);
  await waitFor('both to work again', async () => (await works(a)) && (await works(b)));
  expect(b.hints.pollMs()).toBe(5_000);
  const after = await listeners();
  expect(after).toHaveLength(2);
  expect(after.filter((pid) => before.includes(pid))).toEqual([]);
  expect(there).toEqual(['']);
  a.hints.tell('run', 'again');
  await waitFor('a hint after the loss', () => there.includes('again'));
});

it('a replica that can connect nowhere polls each second, says so, and its own hints go on', async () => {
  const a = startReplica({ directUrl: noOne });
  const [b, here] = [await workingReplica(), collect(a)];
  const there = collect(b);
  expect(a.hints.pollMs()).toBe(1_000);
  a.hints.tell('run', 'mine');
  expect(here).toEqual(['mine']);
  await waitFor('the other replica to hear', () => there.includes('mine'));
  expect(await a.metric('talaria_hints_working')).toBe(0);
  expect(a.hints.pollMs()).toBe(1_000);
});

it('a replica that listens where nothing arrives is found out by its self-test and tries other connections', async () => {
  const elsewhere = await createState();
  const a = startReplica({ directUrl: elsewhere.url });
  const pid = async () => (await elsewhere.rows<{ pid: number }>(listenersStatement))[0]?.pid;
  const first = await waitFor('a connection', pid);
  await waitFor('another connection', async () => ![undefined, first].includes(await pid()));
  expect(await a.metric('talaria_hints_working')).toBe(0);
  expect(a.hints.pollMs()).toBe(1_000);
  await a.stop();
  await elsewhere.drop();
});

it('hints that cannot be sent are counted, and telling goes on', async () => {
  const a = startReplica({ url: noOne });
  const here = collect(a);
  a.hints.tell('run', 'mine');
  await waitFor('the hint to be given up', async () => (await a.metric('talaria_hints_dropped_total')) === 1);
  expect(here).toContain('mine');
  expect(await a.metric('talaria_hints_working')).toBe(0);
});

it('notifications that are no hints are counted and ignored', async () => {
  const a = await workingReplica();
  const here = collect(a, '');
  await state.rows(`select pg_notify('talaria_hints', payload) from unnest($1::text[]) as payload`, [
    ['', 'nonsense', '{"from":"x","run":[7]}', '{"from":"x","run":["real"]}'],
  ]);
  await waitFor('the hint among them', () => here.length > 0);
  expect(here).toEqual(['real']);
  expect(await a.metric('talaria_hints_malformed_total')).toBe(3);
});

it('a stop closes the connection, also while it is made, and tells what was left', async () => {
  const [a, b] = [await workingReplica(), await workingReplica()];
  const there = collect(b);
  a.hints.tell('run', 'last');
  await a.hints.stop();
  await waitFor('the last hint', () => there.includes('last'));
  await waitFor('one listener', async () => (await listeners()).length === 1);
  const early = startReplica({});
  await early.hints.stop();
  await waitFor('still one listener', async () => (await listeners()).length === 1);
});

const listenersStatement = `
  select pid from pg_stat_activity
  where application_name = 'talaria-hints' and datname = current_database() order by pid`;

async function listeners(): Promise<readonly number[]> {
  return (await state.rows<{ pid: number }>(listenersStatement)).map(({ pid }) => pid);
}

function startReplica({ url = state.url, directUrl = state.url }: { url?: string; directUrl?: string }): Replica {
  const registry = new Registry();
  const database = createDatabase({ url, directUrl, log });
  const hints = createHints({ database, directUrl, registry, log, clock: systemClock });
  hints.start();
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    await hints.stop();
    await within(database.stop(), 2_000);
  };
  const replica: Replica = {
    hints,
    metric: async (name) => (await registry.getSingleMetric(name)?.get())?.values[0]?.value ?? Number.NaN,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
  replicas.push(replica);
  return replica;
}

async function workingReplica(): Promise<Replica> {
  const replica = startReplica({});
  await waitFor('the self-test to pass', () => works(replica));
  return replica;
}

async function works(replica: Replica): Promise<boolean> {
  return (await replica.metric('talaria_hints_working')) === 1;
}

/** The ids of the hints of runs that a replica hears from now on. */
function collect(replica: Replica, id: string = ''): string[] {
  const heard: string[] = [];
  replica.hints.listen('run', id, (told) => heard.push(told));
  return heard;
}

async function rawListener() {
  const client = new pg.Client({ connectionString: state.url, connectionTimeoutMillis: 5_000 });
  const payloads: string[] = [];
  client.on('notification', ({ payload }) => payloads.push(payload ?? ''));
  await client.connect();
  await client.query('listen talaria_hints');
  return { payloads, stop: () => client.end() };
}

import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AgentEntry, JobEntry } from '../../../core/snapshot/schema.ts';
import type { RunTurn } from '../../../gateway/agent/turn.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { agentEntry, jobEntry, tableOf } from '../schedule/entries.ts';
import { runsWith, seen } from '../schedule/observe.ts';
import { type Replica, startReplica } from '../schedule/replica.ts';
import { createState, type TestState } from '../schedule/state.ts';
import { holdTurns } from '../schedule/turns.ts';

let state: TestState;
const replicas: Replica[] = [];
beforeEach(async () => {
  state = await createState();
});
afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
  await state.drop();
});

/** Two replicas with two CronJobs of one Agent, each of which runs once, at once. */
async function start(limits: Partial<AgentEntry['limits']>, runTurn: RunTurn): Promise<void> {
  const clerk = agentEntry('clerk', { limits: { turnTimeoutSeconds: 60, ...limits } });
  const tableWith = (sequence: number, change: Partial<JobEntry>) => {
    const jobs = names.map((name) => jobEntry(name, { schedule: '@every 1000h', ...change }));
    return tableOf({ sequence, agents: [clerk], jobs });
  };
  const table = await tableWith(1, {});
  for (const name of ['a', 'b']) replicas.push(startReplica({ url: state.url, name, table, runTurn }));
  for (const name of names) await seen(state, name);
  const runNow = await tableWith(2, { runAt: 'now' });
  for (const replica of replicas) replica.swap(runNow);
}

const names = ['one', 'two'];

it('scheduled runs wait while their Agent runs as much as it may, on whatever replica', async () => {
  const turns = holdTurns();
  await start({ maxConcurrentRuns: 1 }, turns.runTurn);
  await waitFor('one run to be under way and the other to wait', async () => {
    const runs = await state.rows<{ status: string; effects_started: boolean }>(
      'select status, effects_started from runs',
    );
    const waiting = runs.filter(({ status, effects_started }) => status === 'queued' && !effects_started);
    return turns.begun() === 1 && waiting.length === 1;
  });
  turns.release();
  await Promise.all(names.map((job) => runsWith(state, job, 1, 'completed')));
});

it('a scheduled run whose Agent has used its tokens up fails before a model is called', async () => {
  await state.rows(
    `insert into limit_meters values ('clerk', '', 'tokensPerDay', date_trunc('day', talaria_now(), 'UTC'), 100)`,
  );
  const turns = holdTurns();
  await start({ tokensPerDay: 100 }, turns.runTurn);
  const runs = await Promise.all(names.map((job) => runsWith(state, job, 1, 'failed')));
  expect(runs.flat().map(({ error_code }) => error_code)).toEqual(['budget_exceeded', 'budget_exceeded']);
  expect(turns.begun()).toBe(0);
});

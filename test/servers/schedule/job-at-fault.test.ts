import { afterEach, beforeEach, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { jobEntry, tableOf } from './entries.ts';
import { decided, runsOf, runsWith, seen } from './observe.ts';
import { type Replica, startReplica } from './replica.ts';
import { createState, type TestState } from './state.ts';

let state: TestState;
let replica: Replica;

beforeEach(async () => {
  state = await createState();
});

afterEach(async () => {
  await replica.stop();
  await state.drop();
});

const jobs = ['bad', 'one', 'two'].map((name) => jobEntry(name, { schedule: '@every 1h' }));

it('a CronJob whose runs cannot be stored holds up no other, and loses no slot', async () => {
  await state.rows(`alter table runs add constraint at_fault check (job_uid <> 'uid-of-bad')`);
  replica = startReplica({ url: state.url, name: 'a', table: await tableOf({ sequence: 1, jobs }) });
  for (const { name } of jobs) await seen(state, name);
  await state.moveClock(3_601);
  for (const name of ['one', 'two']) await runsWith(state, name, 1, 'completed');
  expect(await runsOf(state, 'bad')).toEqual([]);
  await state.rows('alter table runs drop constraint at_fault');
  expect(await decided(state, 'bad', 1)).toEqual(['1h Started']);
  await runsWith(state, 'bad', 1, 'completed');
});

it('a CronJob that cannot be stored at all holds up no other', async () => {
  await state.rows(`alter table cron_jobs add constraint at_fault check (name <> 'bad')`);
  replica = startReplica({ url: state.url, name: 'a', table: await tableOf({ sequence: 1, jobs }) });
  for (const name of ['one', 'two']) await seen(state, name);
  replica.swap(await tableOf({ sequence: 2, jobs: jobs.map((job) => ({ ...job, runAt: 'now' })) }));
  for (const name of ['one', 'two']) await runsWith(state, name, 1, 'completed');
  await state.rows('alter table cron_jobs drop constraint at_fault');
  replica.swap(await tableOf({ sequence: 3, jobs: jobs.map((job) => ({ ...job, generation: 2 })) }));
  await waitFor('the job to be stored once it changed', async () => {
    const rows = await state.rows(`select from cron_jobs where name = 'bad' and sequence = 3`);
    return rows.length > 0;
  });
});

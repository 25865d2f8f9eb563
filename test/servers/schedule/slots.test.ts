import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobEntry } from '../../../core/snapshot/schema.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { agentEntry, jobEntry, tableOf } from './entries.ts';
import { decided, outcomes, runsOf, runsWith, seen } from './observe.ts';
import { type Replica, type ReplicaOptions, startReplica } from './replica.ts';
import { createState, type TestState } from './state.ts';
import { holdTurns } from './turns.ts';

let state: TestState;
const replicas: Replica[] = [];

beforeEach(async () => {
  state = await createState();
});

afterEach(async () => {
  await stopAll();
  await state.drop();
});

function start(name: string, options: Omit<ReplicaOptions, 'url' | 'name'>): Replica {
  const replica = startReplica({ url: state.url, name, ...options });
  replicas.push(replica);
  return replica;
}

async function stopAll(): Promise<void> {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
}

/** An hourly job, counted from when it is first seen. */
function hourly(change: Partial<JobEntry> = {}): JobEntry {
  return jobEntry('hourly', { schedule: '@every 1h', ...change });
}

/** Lets the job be seen, then `hours` pass without any gateway, then starts one again. */
async function outage(job: JobEntry, hours: number, options: Partial<ReplicaOptions> = {}): Promise<Replica> {
  const table = await tableOf({ sequence: 1, jobs: [job] });
  start('before', { table });
  await seen(state, job.name);
  await stopAll();
  await state.moveClock(hours * 3_600);
  return start('after', { table, ...options });
}

describe('three replicas on one database', () => {
  it('start every slot of every job once, and run it', async () => {
    const jobs = Array.from({ length: 20 }, (_, index) => jobEntry(`job-${index}`, { concurrencyPolicy: 'Allow' }));
    const table = await tableOf({ sequence: 1, jobs });
    for (const name of ['a', 'b', 'c']) start(name, { table });
    await waitFor('five runs of each job', async () => {
      const rows = await state.rows(
        `select job_uid from runs where status = 'completed' group by job_uid having count(*) >= 5`,
      );
      return rows.length === jobs.length;
    });
    const slots = await state.rows<{ seconds: number }>(
      `select job_uid, count(*)::int as runs, count(distinct slot)::int as slots,
         extract(epoch from max(slot) - min(slot))::int + 1 as seconds
       from occurrences where outcome = 'Started' group by job_uid`,
    );
    expect(slots).toHaveLength(jobs.length);
    for (const row of slots) expect(row).toMatchObject({ runs: row.seconds, slots: row.seconds });
    expect(await state.rows(`select from runs where output_text <> 'good morning'`)).toEqual([]);
  });
});

describe('after an outage', () => {
  it('Latest runs the newest slot and tells of the others', async () => {
    await outage(hourly(), 3.5);
    expect(await decided(state, 'hourly', 3)).toEqual(['1h Missed Coalesced', '2h Missed Coalesced', '3h Started']);
    await runsWith(state, 'hourly', 1, 'completed');
  });

  it('None runs nothing', async () => {
    await outage(hourly({ catchUp: { policy: 'None', maxRuns: 1 } }), 2.5);
    expect(await decided(state, 'hourly', 2)).toEqual(['1h Missed NoCatchUp', '2h Missed NoCatchUp']);
    expect(await runsOf(state, 'hourly')).toEqual([]);
  });

  it('All runs the newest maxRuns, one after the other in slot order', async () => {
    const turns = holdTurns();
    await outage(hourly({ catchUp: { policy: 'All', maxRuns: 2 } }), 3.5, { runTurn: turns.runTurn });
    expect(await decided(state, 'hourly', 3)).toEqual(['1h Missed OverMaxRuns', '2h Started', '3h Started']);
    await waitFor('the first run to begin', () => turns.begun() === 1);
    expect((await runsOf(state, 'hourly')).map(({ status }) => status)).toEqual(['running', 'queued']);
    turns.release();
    await runsWith(state, 'hourly', 2, 'completed');
  });

  it('slots past the deadline are missed for it', async () => {
    await outage(hourly({ startingDeadlineSeconds: 6_000 }), 3.5);
    expect(await decided(state, 'hourly', 3)).toEqual(['1h Missed Deadline', '2h Missed Coalesced', '3h Started']);
  });

  it('a long one is one gap, counted in the background, in status and metric', async () => {
    // Half an hour away from now, so that no slot is on time.
    const minute = (new Date().getUTCMinutes() + 30) % 60;
    const job = hourly({ schedule: `${minute} * * * *`, catchUp: { policy: 'None', maxRuns: 1 } });
    const replica = await outage(job, 24 * 60);
    const total = await waitFor('the gap to be counted', async () => {
      const rows = await state.rows<{ count: number; total: number }>(
        `select g.count::int, t.count::int as total from gaps g join missed_totals t using (job_uid, reason)
         where g.counted_to = g.to_time`,
      );
      return rows[0];
    });
    expect(total.count).toBe(24 * 60);
    expect(total.total).toBe(24 * 60);
    expect(await state.rows('select from occurrences')).toEqual([]);
    // A job's status is written once in 30 s, and the totals behind the metric are kept for 15 s.
    const patient = { timeoutMs: 60_000 };
    await waitFor('the status to tell', () => replica.statuses.get('hourly')?.missedCount === 24 * 60, patient);
    const metric = 'talaria_schedule_missed_total{cronjob="hourly"} 1440';
    await waitFor('the metric to tell', async () => (await replica.registry.metrics()).includes(metric), patient);
    const text = await replica.registry.metrics();
    expect(text).toContain('talaria_schedule_missed_by_reason_total{reason="NoCatchUp"} 1440');
    expect(text).toContain('talaria_schedule_missed_by_reason_total{reason="Forbid"} 0');
  });
});

describe('an Agent that does not serve', () => {
  it.each([
    ['suspended', [agentEntry('clerk', { refuse: 'agent_suspended' }), agentEntry('other', { default: true })]],
    ['gone', [agentEntry('other', { default: true })]],
  ])('%s: its slots are missed, and no other agent runs them', async (_, agents) => {
    const table = await tableOf({ sequence: 1, agents, jobs: [jobEntry('orphan')] });
    const replica = start('a', { table });
    await decided(state, 'orphan', 2);
    expect(new Set((await outcomes(state, 'orphan')).map((text) => text.split(' ').slice(1).join(' ')))).toEqual(
      new Set(['Missed AgentUnavailable']),
    );
    expect(await state.rows('select from runs')).toEqual([]);
    const healthy = await waitFor('the status to tell', () =>
      replica.statuses.get('orphan')?.conditions.find(({ reason }) => reason === 'SlotsMissed'),
    );
    expect(healthy).toMatchObject({ type: 'Healthy', status: 'False' });
  });

  it('deleted and made again under the same name: a queued run of the first fails, and the second never runs it', async () => {
    const turns = holdTurns();
    const job = hourly({ concurrencyPolicy: 'Allow', catchUp: { policy: 'All', maxRuns: 5 } });
    const replica = await outage(job, 2.5, { runTurn: turns.runTurn });
    await waitFor('the first run to begin', () => turns.begun() === 1);
    replica.swap(await tableOf({ sequence: 2, agents: [agentEntry('clerk', { uid: 'another' })], jobs: [job] }));
    turns.release();
    await waitFor('both runs to end', async () =>
      (await runsOf(state, 'hourly')).every(({ status }) => status !== 'queued' && status !== 'running'),
    );
    expect((await runsOf(state, 'hourly')).map(({ status, error_code }) => [status, error_code])).toEqual([
      ['completed', null],
      ['failed', 'agent_replaced'],
    ]);
    expect(turns.begun()).toBe(1);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TalariaError } from '../../../core/lib/errors.ts';
import type { JobEntry } from '../../../core/snapshot/schema.ts';
import type { RunTurn } from '../../../gateway/agent/turn.ts';
import type { Table } from '../../../gateway/config/table.ts';
import { pauseJob, resumeJob } from '../../../gateway/schedule/pause.ts';
import { runJobNow } from '../../../gateway/schedule/run-now.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { agentEntry, jobEntry, tableOf } from './entries.ts';
import { outcomes, runsOf, runsWith, seen } from './observe.ts';
import { type Replica, type ReplicaOptions, startReplica } from './replica.ts';
import { createState, type TestState } from './state.ts';
import { answer, answerTurns, failTurns, holdTurns } from './turns.ts';

let state: TestState;
let replica: Replica;
let table: Table;

beforeEach(async () => {
  state = await createState();
});

afterEach(async () => {
  await replica.stop();
  await state.drop();
});

async function start(job: JobEntry, options: Partial<ReplicaOptions> = {}): Promise<void> {
  table = options.table ?? (await tableOf({ sequence: 1, jobs: [job] }));
  replica = startReplica({ url: state.url, name: 'a', runTurn: answerTurns('done'), ...options, table });
  await seen(state, job.name);
}

async function swap(sequence: number, job: JobEntry): Promise<void> {
  table = await tableOf({ sequence, jobs: [job] });
  replica.swap(table);
  await waitFor('the change to be stored', async () => {
    const rows = await state.rows('select from cron_jobs where sequence = $1', [sequence]);
    return rows.length > 0;
  });
}

async function condition(job: string, reason: string): Promise<void> {
  await waitFor(`the condition ${reason} of ${job}`, () =>
    replica.statuses.get(job)?.conditions.find((condition) => condition.reason === reason),
  );
}

const hourly = (change: Partial<JobEntry> = {}) => jobEntry('hourly', { schedule: '@every 1h', ...change });

/** Waits until nothing of the schedule is due any more. */
async function idle(): Promise<void> {
  await waitFor('nothing to be due', async () => {
    const due = await state.rows('select from cron_jobs where next_start <= talaria_now()');
    return due.length === 0;
  });
}

describe('a CronJob that is paused by hand', () => {
  it('starts no slot, also with a new spec, and its slots are missed when it is resumed, without a burst', async () => {
    const job = hourly({ catchUp: { policy: 'All', maxRuns: 10 } });
    await start(job);
    expect(await pauseJob(replica.database, job)).toBe(true);
    await condition('hourly', 'Manual');
    expect(replica.statuses.get('hourly')).not.toHaveProperty('nextScheduleTime');
    await state.moveClock(1.5 * 3_600);
    await idle();
    await swap(2, { ...job, generation: 2 });
    await state.moveClock(3_600);
    await idle();
    expect(await outcomes(state, 'hourly')).toEqual([]);
    expect(await state.rows('select paused_reason from cron_jobs')).toEqual([{ paused_reason: 'Manual' }]);

    expect(await resumeJob(replica.database, table, job)).toBe('resumed');
    expect(await outcomes(state, 'hourly')).toEqual(['1h Missed Suspended', '2h Missed Suspended']);
    await condition('hourly', 'Scheduled');
    expect(await runsOf(state, 'hourly')).toEqual([]);
    await state.moveClock(3_600);
    await runsWith(state, 'hourly', 1, 'completed');
    expect((await outcomes(state, 'hourly')).at(-1)).toMatch(/^3h Started/);
    expect(await resumeJob(replica.database, table, job)).toBe('not_paused');
  });

  it('a pause of a day of seconds ends as one gap', async () => {
    const job = jobEntry('busy');
    await start(job);
    await runsWith(state, 'busy', 1, 'completed');
    await pauseJob(replica.database, job);
    await state.moveClock(86_400);
    await idle();
    const before = (await runsOf(state, 'busy')).length;
    await resumeJob(replica.database, table, job);
    const [gap] = await state.rows<{ reason: string; count: number }>('select reason, count::int from gaps');
    expect(gap?.reason).toBe('Suspended');
    expect(gap?.count).toBeGreaterThanOrEqual(86_398);
    expect(gap?.count).toBeLessThan(86_460);
    await waitFor('the next slot', async () => (await runsOf(state, 'busy')).length > before);
  });

  it('runs once for run-at, and once when it is asked to run now', async () => {
    const job = hourly();
    await start(job);
    await pauseJob(replica.database, job);
    await swap(2, { ...job, runAt: 'please' });
    await runsWith(state, 'hourly', 1, 'completed');
    expect(await runJobNow(replica.database, table, { ...job, runAt: 'please' })).toMatchObject({ kind: 'started' });
    await runsWith(state, 'hourly', 2, 'completed');
    expect(await state.rows('select paused_reason from cron_jobs')).toEqual([{ paused_reason: 'Manual' }]);
  });

  it('stays suspended after it is resumed when its spec suspends it', async () => {
    const job = hourly({ suspend: true });
    await start(job);
    await pauseJob(replica.database, job);
    await state.moveClock(1.5 * 3_600);
    expect(await resumeJob(replica.database, table, job)).toBe('resumed');
    await condition('hourly', 'Suspended');
    expect(await resumeJob(replica.database, table, job)).toBe('suspended');
    await idle();
    expect(await outcomes(state, 'hourly')).toEqual([]);
    expect(await state.rows('select next_start from cron_jobs')).toEqual([{ next_start: null }]);
    await swap(2, { ...job, suspend: false, generation: 2 });
    expect(await outcomes(state, 'hourly')).toEqual(['1h Missed Suspended']);
  });

  it('is not there for another agent, nor once it is deleted', async () => {
    const job = hourly();
    const foreign = { ...job, agent: 'other' };
    await start(job);
    const refused = async () => [
      await pauseJob(replica.database, foreign),
      await resumeJob(replica.database, table, foreign),
      (await runJobNow(replica.database, table, foreign)).kind,
    ];
    expect(await refused()).toEqual([false, 'missing', 'missing']);
    replica.swap(await tableOf({ sequence: 2, jobs: [] }));
    await waitFor('the job to be gone', async () => {
      const rows = await state.rows('select from cron_jobs where gone_at is not null');
      return rows.length > 0;
    });
    expect(await pauseJob(replica.database, job)).toBe(false);
    expect(await runJobNow(replica.database, table, job)).toEqual({ kind: 'missing' });
    expect(await state.rows('select from runs')).toEqual([]);
  });
});

describe('a CronJob that its failures paused', () => {
  it('goes on when it is resumed, and its failures are counted anew for the next pause', async () => {
    const job = jobEntry('failing', { onFailure: { deliver: [], afterConsecutive: 1, suspendAfter: 2 } });
    await start(job, { runTurn: failTurns });
    await condition('failing', 'Paused');
    expect(await runsOf(state, 'failing')).toHaveLength(2);
    expect(await resumeJob(replica.database, table, job)).toBe('resumed');
    await waitFor('two more runs and a second pause', async () => {
      const rows = await state.rows(
        `select from cron_jobs where paused_reason = 'Failures' and consecutive_failures = 4`,
      );
      return rows.length > 0;
    });
    expect(await runsOf(state, 'failing')).toHaveLength(4);
  });
});

describe('a CronJob that is mended', () => {
  it('is not paused by failures under its older spec, those that end later included', async () => {
    const gates = Array.from({ length: 5 }, () => Promise.withResolvers<never>());
    let begun = 0;
    const runTurn: RunTurn = async ({ onEffect }) => {
      await onEffect?.();
      begun += 1;
      return await (gates[begun - 1]?.promise ?? answer('done'));
    };
    const failAll = (...runs: number[]) => {
      for (const run of runs) gates[run]?.reject(new TalariaError('model_failed', 'the model server answered 500'));
    };
    const failures = (count: number) =>
      waitFor(`${count} failures`, async () => {
        const rows = await state.rows<{ paused: string | null }>(
          'select paused_reason as paused from cron_jobs where consecutive_failures = $1',
          [count],
        );
        return rows[0];
      });
    const onFailure = { deliver: [], afterConsecutive: 1, suspendAfter: 2 };
    const old = hourly({ concurrencyPolicy: 'Allow', onFailure });
    await start(old, { runTurn });
    for (let run = 1; run <= 3; run += 1) {
      await runJobNow(replica.database, table, old);
      await waitFor('the turn to begin', () => begun === run);
    }
    failAll(0);
    await failures(1);
    const mended = { ...old, generation: 2 };
    await swap(2, mended);
    failAll(1, 2);
    expect(await failures(3)).toEqual({ paused: null });

    await runJobNow(replica.database, table, mended);
    await waitFor('the turn to begin', () => begun === 4);
    failAll(3);
    expect(await failures(4)).toEqual({ paused: null });
    await runJobNow(replica.database, table, mended);
    await waitFor('the turn to begin', () => begun === 5);
    failAll(4);
    expect(await failures(5)).toEqual({ paused: 'Failures' });
  });
});

describe('a run that is asked for now', () => {
  it('starts besides the slots and moves none', async () => {
    const job = hourly();
    await start(job);
    const before = await state.rows('select anchor, decided_to, next_start from cron_jobs');
    const started = await runJobNow(replica.database, table, job);
    const [run] = await runsWith(state, 'hourly', 1, 'completed');
    expect(started).toEqual({ kind: 'started', run: run?.id });
    expect(await state.rows('select anchor, decided_to, next_start from cron_jobs')).toEqual(before);
    await waitFor('the status to tell', () => replica.statuses.get('hourly')?.recentRuns[0]?.outcome === 'Succeeded');
    expect(replica.statuses.get('hourly')).not.toHaveProperty('lastRunAt');
  });

  it('is refused and not stored while a run is active under Forbid, and starts beside it under Allow', async () => {
    const turns = holdTurns();
    const job = hourly();
    await start(job, { runTurn: turns.runTurn });
    expect(await runJobNow(replica.database, table, job)).toMatchObject({ kind: 'started' });
    expect(await runJobNow(replica.database, table, job)).toEqual({ kind: 'refused', reason: 'Forbid' });
    expect(await outcomes(state, 'hourly')).toHaveLength(1);
    await swap(2, hourly({ concurrencyPolicy: 'Allow', generation: 2 }));
    expect(
      await runJobNow(replica.database, table, hourly({ concurrencyPolicy: 'Allow', generation: 2 })),
    ).toMatchObject({
      kind: 'started',
    });
    await waitFor('both to run at once', () => turns.begun() === 2);
    turns.release();
  });

  it('is refused while its Agent does not serve, and by a replica whose snapshot is older than the job', async () => {
    const job = hourly();
    const agents = [agentEntry('clerk', { refuse: 'agent_suspended' })];
    await start(job, { table: await tableOf({ sequence: 1, agents, jobs: [job] }) });
    expect(await runJobNow(replica.database, table, job)).toEqual({ kind: 'refused', reason: 'AgentUnavailable' });
    const old = table;
    await swap(2, hourly({ generation: 2 }));
    expect(await runJobNow(replica.database, old, job)).toEqual({ kind: 'stale' });
    expect(await state.rows('select from runs')).toEqual([]);
  });
});

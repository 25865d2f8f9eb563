import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobEntry } from '../../../core/snapshot/schema.ts';
import { pruneOnce } from '../../../gateway/schedule/prune.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { jobEntry, tableOf } from './entries.ts';
import { decided, outcomes, runsOf, runsWith, seen } from './observe.ts';
import { type Replica, type ReplicaOptions, startReplica } from './replica.ts';
import { createState, type TestState } from './state.ts';
import { failTurns, holdTurns } from './turns.ts';

let state: TestState;
const replicas: Replica[] = [];

beforeEach(async () => {
  state = await createState();
});

afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
  await state.drop();
});

/** The status of a job is written once in 30 s when nothing is urgent. */
const statusWait = { timeoutMs: 60_000 };

const hourly = (change: Partial<JobEntry> = {}) => jobEntry('hourly', { schedule: '@every 1h', ...change });

/** A replica that holds this job; `change` puts other jobs in its place. */
async function startWith(job: JobEntry, options: Partial<ReplicaOptions> = {}) {
  let sequence = 1;
  const replica = startReplica({
    url: state.url,
    name: 'a',
    table: await tableOf({ sequence, jobs: [job] }),
    ...options,
  });
  replicas.push(replica);
  await seen(state, job.name);
  const change = async (...jobs: JobEntry[]) => {
    sequence += 1;
    replica.swap(await tableOf({ sequence, jobs }));
    await waitFor('the change to be stored', async () => {
      const rows = await state.rows('select from cron_jobs where sequence = $1 or gone_at is not null', [sequence]);
      return rows.length > 0;
    });
  };
  return { replica, change };
}

/** Each title is a row of docs/batch-v1.md. */
describe('batch/v1', () => {
  it('one start for each slot', async () => {
    const table = await tableOf({ sequence: 1, jobs: [jobEntry('busy', { concurrencyPolicy: 'Allow' })] });
    for (const name of ['a', 'b', 'c']) replicas.push(startReplica({ url: state.url, name, table }));
    await waitFor('four runs', async () => (await runsOf(state, 'busy')).length >= 4);
    const twice = await state.rows('select slot from runs group by slot having count(*) > 1');
    expect(twice).toEqual([]);
    const started = await outcomes(state, 'busy');
    expect(started.every((text) => text.endsWith('Started'))).toBe(true);
  });

  it('the time before the CronJob was made', async () => {
    await startWith(hourly({ schedule: '* * * * *' }));
    await state.moveClock(60);
    await decided(state, 'hourly', 1);
    const early = await state.rows(
      'select from occurrences o join cron_jobs j on j.uid = o.job_uid where slot <= anchor',
    );
    expect(early).toEqual([]);
  });

  it('a schedule that is changed', async () => {
    const { change } = await startWith(hourly());
    await state.moveClock(3_700);
    await runsWith(state, 'hourly', 1, 'completed');
    await change(hourly({ schedule: '* * * * *', generation: 2 }));
    const [row] = await state.rows('select next_start > talaria_now() as ahead from cron_jobs');
    expect(row).toEqual({ ahead: true });
    expect(await runsOf(state, 'hourly')).toHaveLength(1);
  });

  it('a missed slot', async () => {
    const turns = holdTurns();
    const { replica } = await startWith(jobEntry('slow'), { runTurn: turns.runTurn });
    await waitFor('the report', () => replica.reports.length > 0);
    const status = await waitFor(
      'the status to count it',
      () => ((replica.statuses.get('slow')?.missedCount ?? 0) > 0 ? replica.statuses.get('slow') : undefined),
      { timeoutMs: 60_000 },
    );
    expect(status.lastMissedTime).toBeDefined();
    expect(status.recentRuns.some(({ outcome }) => outcome === 'Missed(Forbid)')).toBe(true);
    expect(await replica.registry.metrics()).toContain('talaria_schedule_missed_total');
    turns.release();
  });

  it('Replace during a run', async () => {
    const turns = holdTurns();
    const job = jobEntry('replaced', { concurrencyPolicy: 'Replace', schedule: '@every 2s' });
    await startWith(job, { runTurn: turns.runTurn });
    await waitFor(
      'the first run to be replaced',
      async () => (await runsOf(state, 'replaced'))[0]?.status === 'cancelled',
    );
    await waitFor('the second to begin', () => turns.begun() >= 2);
    const [overlap] = await state.rows<{ overlaps: number }>(
      `select count(*)::int as overlaps from runs a join runs b on a.job_uid = b.job_uid and a.slot < b.slot
       where b.started_at < coalesce(a.finished_at, 'infinity')`,
    );
    expect(overlap).toEqual({ overlaps: 0 });
    turns.release();
  });

  it('suspend during a run', async () => {
    const turns = holdTurns();
    const job = jobEntry('slow');
    const { change } = await startWith(job, { runTurn: turns.runTurn });
    await waitFor('a run to begin', () => turns.begun() === 1);
    await change({ ...job, suspend: true, generation: 2 });
    turns.release();
    await runsWith(state, 'slow', 1, 'completed');
    expect(turns.aborted()).toBe(0);
  });

  it('a run by hand', async () => {
    const { change } = await startWith(hourly({ suspend: true }));
    await change(hourly({ suspend: true, runAt: 'once' }));
    await runsWith(state, 'hourly', 1, 'completed');
    await change(hourly({ suspend: true, runAt: 'once', silenceMarker: '[NOTHING]' }));
    expect(await runsOf(state, 'hourly')).toHaveLength(1);
  });

  it('an edit during a run', async () => {
    const turns = holdTurns();
    const job = jobEntry('slow', { timeoutSeconds: 600 });
    const { change } = await startWith(job, { runTurn: turns.runTurn });
    await waitFor('a run to begin', () => turns.begun() === 1);
    await change({ ...job, suspend: true, timeoutSeconds: 1, generation: 2 });
    const [run] = await state.rows<{ seconds: number }>(
      `select (input #>> '{job,timeoutSeconds}')::int as seconds from runs`,
    );
    expect(run).toEqual({ seconds: 600 });
    turns.release();
    await runsWith(state, 'slow', 1, 'completed');
  });

  it('a CronJob that is deleted during a run', async () => {
    const turns = holdTurns();
    const { change } = await startWith(jobEntry('doomed'), { runTurn: turns.runTurn });
    await waitFor('a run to begin', () => turns.begun() === 1);
    await change();
    turns.release();
    await runsWith(state, 'doomed', 1, 'completed');
    expect(turns.aborted()).toBe(0);
  });

  it('a CronJob that is made again under its name', async () => {
    const { change } = await startWith(hourly());
    await state.moveClock(3_700);
    await runsWith(state, 'hourly', 1, 'completed');
    await change(hourly({ uid: 'another' }));
    await waitFor('the new one', async () => {
      const rows = await state.rows(`select from cron_jobs where uid = 'another'`);
      return rows.length > 0;
    });
    expect(await state.rows(`select from occurrences where job_uid = 'another'`)).toEqual([]);
  });

  it('the history of runs', async () => {
    const job = jobEntry('busy', { runsHistoryLimit: 2 });
    const { replica, change } = await startWith(job);
    await waitFor('four runs', async () => (await runsOf(state, 'busy')).length >= 4);
    await change({ ...job, suspend: true, generation: 2 });
    await waitFor('every run to end', async () =>
      (await runsOf(state, 'busy')).every(({ status }) => status === 'completed'),
    );
    await pruneOnce(replica.database);
    expect(await runsOf(state, 'busy')).toHaveLength(2);
    expect((await outcomes(state, 'busy')).length).toBeGreaterThanOrEqual(4);
  });

  it('a run that fails', async () => {
    const job = hourly({ retry: { maxAttempts: 3, backoffSeconds: 1 } });
    const { change } = await startWith(job, { runTurn: failTurns });
    await change({ ...job, runAt: 'now' });
    expect(await runsWith(state, 'hourly', 1, 'failed')).toMatchObject([{ attempt: 1, error_code: 'model_failed' }]);
  });

  it('a run that takes too long', async () => {
    const turns = holdTurns();
    const job = hourly({ timeoutSeconds: 1 });
    const { change } = await startWith(job, { runTurn: turns.runTurn });
    await change({ ...job, runAt: 'now' });
    expect(await runsWith(state, 'hourly', 1, 'failed')).toMatchObject([{ error_code: 'run_timeout' }]);
  });

  it('lastScheduleTime, lastSuccessfulTime and active', async () => {
    const turns = holdTurns();
    const { replica } = await startWith(hourly(), { runTurn: turns.runTurn });
    await state.moveClock(3_601);
    const active = await waitFor(
      'the status to show the run',
      () => {
        const status = replica.statuses.get('hourly');
        return status?.active.length === 1 ? status : undefined;
      },
      statusWait,
    );
    expect(active.lastScheduleTime).toBe(active.active[0]?.scheduledTime);
    expect(active.lastSuccessfulTime).toBeUndefined();
    turns.release();
    const done = await waitFor(
      'the status to show its end',
      () => {
        const status = replica.statuses.get('hourly');
        return status?.active.length === 0 && status.lastSuccessfulTime ? status : undefined;
      },
      statusWait,
    );
    expect(done.lastSuccessfulTime).toBe(active.lastScheduleTime);
  });
});

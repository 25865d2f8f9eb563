import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobEntry } from '../../../core/snapshot/schema.ts';
import type { JobStatus, JobStatusSink } from '../../../gateway/config/source.ts';
import { pauseJob } from '../../../gateway/schedule/pause.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { jobEntry, tableOf } from './entries.ts';
import { runsOf, runsWith, seen } from './observe.ts';
import { type Replica, type ReplicaOptions, startReplica } from './replica.ts';
import { createState, type TestState } from './state.ts';
import { answerTurns, failTurns } from './turns.ts';

let state: TestState;
let replica: Replica;

beforeEach(async () => {
  state = await createState();
});

afterEach(async () => {
  await replica.stop();
  await state.drop();
});

async function start(jobs: readonly JobEntry[], options: Partial<ReplicaOptions> = {}): Promise<void> {
  replica = startReplica({
    url: state.url,
    name: 'a',
    table: await tableOf({ sequence: 1, jobs }),
    runTurn: answerTurns('done'),
    ...options,
  });
  for (const { name } of jobs) await seen(state, name);
}

const hourly = (change: Partial<JobEntry> = {}) => jobEntry('hourly', { schedule: '@every 1h', ...change });

async function told(text: string): Promise<void> {
  await waitFor(`people to be told ${text}`, () => replica.reports.some((report) => report.includes(text)));
}

describe('people are told', () => {
  it('when a run fails, with its id and why, and when failures pause the job', async () => {
    const onFailure = { deliver: [], afterConsecutive: 1, suspendAfter: 1 };
    await start([jobEntry('failing', { onFailure })], { runTurn: failTurns });
    await told('onFailure.suspendAfter');
    const [run] = await runsOf(state, 'failing');
    expect(replica.reports).toContainEqual(
      `failing: The run run_${run?.id.replaceAll('-', '')} failed with model_failed; its error is stored with the run.`,
    );
    expect(replica.statuses.get('failing')?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Healthy', message: expect.stringContaining('model_failed') }),
    );
  });

  it('when its spec suspends it and when it goes on, and not of the slots between', async () => {
    await start([hourly()]);
    await waitFor('the first status', () => replica.statuses.has('hourly'));
    replica.swap(await tableOf({ sequence: 2, jobs: [hourly({ suspend: true, generation: 2 })] }));
    await told('suspends');
    await state.moveClock(5.5 * 3_600);
    replica.swap(await tableOf({ sequence: 3, jobs: [hourly({ generation: 3 })] }));
    await told('starts its slots again');
    await waitFor('the status to count', () => replica.statuses.get('hourly')?.missedCount === 5);
    expect(replica.reports.filter((report) => report.includes('missed'))).toEqual([]);
  });

  it('when it is paused by hand', async () => {
    await start([hourly()]);
    await waitFor('the first status', () => replica.statuses.has('hourly'));
    await pauseJob(replica.database, hourly());
    await told('paused by hand');
  });
});

describe('runs whose outcome is unknown', () => {
  it('pause the job like others that fail, are reported to the targets for failures, and count in the metric', async () => {
    const alarm = { name: 'alarm', log: true, expireAfterSeconds: 60 };
    const job = hourly({ onFailure: { deliver: [alarm], afterConsecutive: 1, suspendAfter: 1 } });
    await start([job]);
    await state.rows(
      `insert into runs (id, agent, agent_uid, agent_generation, sequence, trigger, principal, job_uid, occurrence, slot,
         status, foreground, input, worker, effects_started)
       values (gen_random_uuid(), 'clerk', 'uid-of-clerk', 1, 1, 'cron', $1, $1, 'by-hand', talaria_now(), 'running', false,
         $2, gen_random_uuid(), true)`,
      [job.uid, JSON.stringify({ prompt: 'hello', job })],
    );
    await runsWith(state, 'hourly', 1, 'unknown');
    await waitFor('the status to tell', () =>
      replica.statuses.get('hourly')?.conditions.find(({ reason }) => reason === 'Paused'),
    );
    await told('failed with run_unknown');
    const deliveries = await waitFor('the delivery', async () => {
      const rows = await state.rows(
        `select target, status, data #>> '{data,text}' as text from deliveries where status = 'sent'`,
      );
      return rows.length > 0 ? rows : undefined;
    });
    expect(deliveries).toEqual([
      { target: 'failure/alarm', status: 'sent', text: expect.stringMatching(/^CronJob hourly failed: run_unknown: /) },
    ]);
    const metric = 'talaria_schedule_failed_total{cronjob="hourly"} 1';
    await waitFor('the metric to tell', async () => (await replica.registry.metrics()).includes(metric), {
      timeoutMs: 30_000,
    });
  });
});

describe('the metrics of CronJobs', () => {
  it('leave out jobs that are gone, and go on counting when one of the same name comes', async () => {
    await start([hourly(), jobEntry('other', { schedule: '@every 1000h' })]);
    await state.moveClock(3_700);
    await runsWith(state, 'hourly', 1, 'completed');
    replica.swap(await tableOf({ sequence: 2, jobs: [jobEntry('other', { schedule: '@every 1000h' })] }));
    const gone = () => state.rows('select from cron_jobs where gone_at is not null');
    await waitFor('the job to be gone', async () => (await gone()).length > 0);
    const text = () => replica.registry.metrics();
    expect(await text()).not.toContain('cronjob="hourly"');
    expect(await text()).toContain('talaria_schedule_started_total{cronjob="other"} 0');
    replica.swap(await tableOf({ sequence: 3, jobs: [hourly({ uid: 'second' })] }));
    const counted = 'talaria_schedule_started_total{cronjob="hourly"} 1';
    await waitFor('the count to be there again', async () => (await text()).includes(counted), { timeoutMs: 30_000 });
  });
});

describe('CronJobs to which nothing happens', () => {
  it('are not written, neither status nor row, for ten minutes, suspended and paused ones of every second too', async () => {
    const written: string[] = [];
    const statuses = new Map<string, JobStatus>();
    const sink: JobStatusSink = {
      writeJobStatus: async ({ name }, status) => {
        written.push(name);
        statuses.set(name, status);
      },
      report: async () => undefined,
    };
    const { schedule: _, ...once } = jobEntry('past');
    const jobs = [
      hourly(),
      jobEntry('suspended', { suspend: true }),
      jobEntry('paused', { schedule: '@every 1s', suspend: true }),
      { ...once, at: new Date(Date.now() - 60_000).toISOString() },
      jobEntry('never', { schedule: '0 0 29 2 *' }),
    ];
    await start(jobs, { sink });
    await pauseJob(replica.database, jobEntry('paused'));
    replica.swap(
      await tableOf({
        sequence: 2,
        jobs: jobs.map((job) => (job.name === 'paused' ? jobEntry('paused', { generation: 2 }) : job)),
      }),
    );
    const said = (name: string, reason: string) =>
      statuses.get(name)?.conditions.some((condition) => condition.reason === reason);
    await waitFor('every status to be settled', async () => {
      const open = await state.rows('select from cron_jobs where status_version > status_written');
      return (
        open.length === 0 && said('paused', 'Manual') && said('suspended', 'Suspended') && said('past', 'Completed')
      );
    });
    const before = { writes: [...written], rows: await state.rows(rowVersions) };
    for (let minute = 0; minute < 10; minute += 1) {
      await state.moveClock(60);
      await aTick();
    }
    expect(written).toEqual(before.writes);
    expect(await state.rows(rowVersions)).toEqual(before.rows);
  });

  /** Changes with every write of a row. */
  const rowVersions = `
    select 'job' as kind, uid as of, xmin::text as version from cron_jobs
    union all select 'status', job_uid, xmin::text from cron_job_statuses
    union all select 'slot', job_uid, xmin::text from occurrences
    union all select 'gap', job_uid, xmin::text from gaps
    order by 1, 2`;

  /** Waits until the replica looked for due jobs and for statuses at the time that it is now. */
  async function aTick(): Promise<void> {
    const [now] = await state.rows<{ now: Date }>('select talaria_now() as now');
    await waitFor('the replica to have looked', async () => {
      const rows = await state.rows(
        `select from leases where name = 'job-status' and lease_until > $1::timestamptz + interval '11 seconds'`,
        [now?.now],
      );
      return rows.length > 0;
    });
  }
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../core/lib/clock.ts';
import { createLogger } from '../../../core/lib/log.ts';
import type { JobEntry } from '../../../core/snapshot/schema.ts';
import { createDatabase, type Database } from '../../../gateway/db/pool.ts';
import { tellUnknownRuns } from '../../../gateway/job-runs/tell-unknown.ts';
import { pruneOnce } from '../../../gateway/schedule/prune.ts';
import { reapRuns } from '../../../gateway/worker/reap.ts';
import { jobEntry, tableOf } from './entries.ts';
import { createState, type TestState } from './state.ts';

const log = createLogger('test', 'silent');
let state: TestState;
let database: Database;

beforeEach(async () => {
  state = await createState();
  database = createDatabase({ url: state.url, directUrl: state.url, log });
});

afterEach(async () => {
  await database.stop();
  await state.drop();
});

const alarm = { name: 'alarm', log: true, expireAfterSeconds: 60 } as const;
const tellsFrom = (afterConsecutive: number) =>
  jobEntry('nightly', { onFailure: { deliver: [alarm], afterConsecutive }, runsHistoryLimit: 0 });

async function storeJob({ uid, name, agent, generation, runsHistoryLimit }: JobEntry): Promise<void> {
  await state.rows(
    `insert into cron_jobs (uid, name, agent, generation, sequence, entry_hash, schedule, anchor, decided_to, suspended,
       on_delete, history_limit, started_count)
     values ($1, $2, $3, $4, 1, '', '{}', talaria_now(), talaria_now(), false, 'Finish', $5, 1)`,
    [uid, name, agent, generation, runsHistoryLimit],
  );
}

/** A run that called a model and whose worker is dead. Gives its id. */
async function loseRun(job: JobEntry, key: string): Promise<string> {
  const [row] = await state.rows<{ id: string }>(
    `insert into runs (id, agent, agent_uid, agent_generation, sequence, trigger, principal, job_uid, occurrence, slot, status,
       foreground, input, worker, attempt, effects_started, started_at)
     values (gen_random_uuid(), 'clerk', 'uid-of-clerk', 1, 1, 'cron', $1, $1, $2, talaria_now(), 'running', false, $3,
       gen_random_uuid(), 1, true, talaria_now())
     returning id`,
    [job.uid, key, JSON.stringify({ prompt: 'hello', job })],
  );
  return row?.id ?? '';
}

const reap = () => reapRuns(database, log);
const tell = async () => tellUnknownRuns({ database, table: await tableOf({ sequence: 1 }), clock: systemClock, log });
const told = () => state.rows<{ run_id: string }>('select run_id from deliveries order by seq');

describe('a run whose outcome is unknown', () => {
  it('is told although its job succeeded, and its runs were pruned, before anybody could tell', async () => {
    const job = tellsFrom(1);
    await storeJob(job);
    const id = await loseRun(job, 'a');
    await reap();
    await state.rows('update cron_jobs set consecutive_failures = 0');
    await pruneOnce(database);
    expect(await tell()).toBe(1);
    expect(await told()).toEqual([{ run_id: id }]);
    expect(await tell()).toBe(0);
    await state.rows('update cron_jobs set started_count = started_count + 1');
    await pruneOnce(database);
    expect(await state.rows('select from runs')).toEqual([]);
  });

  it('counts in the order of the runs, so that people are told from afterConsecutive on', async () => {
    const job = tellsFrom(3);
    await storeJob(job);
    await state.rows('update cron_jobs set consecutive_failures = 1');
    const lost = [await loseRun(job, 'a'), await loseRun(job, 'b'), await loseRun(job, 'c')];
    await reap();
    expect(await tell()).toBe(3);
    expect((await told()).map(({ run_id: id }) => id).toSorted()).toEqual(lost.toSorted().slice(1));
    expect(await state.rows('select consecutive_failures as failures from cron_jobs')).toEqual([{ failures: 4 }]);
  });

  it('of a deleted CronJob is told to nobody', async () => {
    const job = tellsFrom(1);
    await storeJob(job);
    await loseRun(job, 'a');
    await reap();
    await state.rows('update cron_jobs set gone_at = talaria_now()');
    expect(await tell()).toBe(1);
    expect(await told()).toEqual([]);
  });

  it('holds up no other when nobody can be told of it', async () => {
    const job = tellsFrom(1);
    await storeJob(job);
    const unreadable = await loseRun(job, 'a');
    const refused = await loseRun(job, 'b');
    const good = await loseRun(job, 'c');
    await reap();
    await state.rows(`update runs set input = '{}' where id = $1`, [unreadable]);
    await state.rows(`alter table deliveries add check (run_id <> '${refused}')`);
    expect(await tell()).toBe(3);
    expect(await told()).toEqual([{ run_id: good }]);
    expect(await tell()).toBe(0);
  });

  it('under an older spec of its CronJob neither pauses it nor counts for its next pause', async () => {
    const job = jobEntry('nightly', { onFailure: { deliver: [], afterConsecutive: 1, suspendAfter: 2 } });
    await storeJob({ ...job, generation: 2 });
    const paused = async () => {
      const rows = await state.rows<{ paused: string | null }>('select paused_reason as paused from cron_jobs');
      return rows[0]?.paused;
    };
    await loseRun(job, 'a');
    await loseRun(job, 'b');
    await loseRun({ ...job, generation: 2 }, 'c');
    await reap();
    expect(await paused()).toBeNull();
    await loseRun({ ...job, generation: 2 }, 'd');
    await reap();
    expect(await paused()).toBe('Failures');
  });
});

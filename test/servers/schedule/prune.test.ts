import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../core/lib/log.ts';
import { createDatabase, type Database } from '../../../gateway/db/pool.ts';
import { pruneOnce } from '../../../gateway/schedule/prune.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { jobEntry, tableOf } from './entries.ts';
import { startReplica } from './replica.ts';
import { createState, type TestState } from './state.ts';

let state: TestState;
let database: Database;

beforeEach(async () => {
  state = await createState();
  database = createDatabase({ url: state.url, directUrl: state.url, log: createLogger('test', 'silent') });
});

afterEach(async () => {
  await database.stop();
  await state.drop();
});

/** Lets a job run some times, and stops. */
async function runSome(times: number): Promise<void> {
  const deliver = [{ name: 'log', log: true, expireAfterSeconds: 60 }];
  const job = jobEntry('busy', { concurrencyPolicy: 'Allow', runsHistoryLimit: 2, runAt: 'v1', deliver });
  const replica = startReplica({ url: state.url, name: 'a', table: await tableOf({ sequence: 1, jobs: [job] }) });
  await waitFor(`${times} runs`, async () => {
    const rows = await state.rows(`select from deliveries where status = 'sent'`);
    return rows.length >= times;
  });
  await replica.stop();
}

async function counts() {
  const [row] = await state.rows<Record<'runs' | 'sessions' | 'items' | 'slots' | 'deliveries', number>>(
    `select (select count(*)::int from runs) as runs, (select count(*)::int from sessions) as sessions,
       (select count(*)::int from items) as items, (select count(*)::int from deliveries) as deliveries,
       (select count(*)::int from occurrences where outcome = 'Started') as slots`,
  );
  return row;
}

describe('pruning', () => {
  it('keeps the newest runs of a job with their sessions, every slot, and every delivery', async () => {
    await runSome(5);
    const before = await counts();
    const newest = await state.rows('select id from runs order by slot desc limit 2');
    await pruneOnce(database);
    expect(await counts()).toMatchObject({
      runs: 2,
      sessions: 2,
      items: 4,
      slots: before?.slots,
      deliveries: before?.deliveries,
    });
    expect(await state.rows('select id from runs order by slot desc')).toEqual(newest);
  });

  it('forgets slots and deliveries after 30 days, and no total, no value of run-at, and no undone delivery', async () => {
    await runSome(3);
    await state.rows(`update deliveries set status = 'pending' where seq = (select min(seq) from deliveries)`);
    const [{ started } = { started: '' }] = await state.rows<{ started: string }>(
      'select started_count as started from cron_jobs',
    );
    await state.rows(`update deliveries set created_at = created_at - interval '31 days'`);
    await state.rows(`update occurrences set decided_at = decided_at - interval '31 days'`);
    await pruneOnce(database);
    expect(await counts()).toMatchObject({ slots: 0, deliveries: 1 });
    expect(await state.rows('select key, outcome from occurrences')).toEqual([
      { key: 'run-at:v1', outcome: 'Recorded' },
    ]);
    expect(await state.rows('select started_count as started from cron_jobs')).toEqual([{ started }]);
  });

  it('forgets the missed slots of a job that never starts', async () => {
    const job = jobEntry('idle');
    const table = await tableOf({ sequence: 1, agents: [], jobs: [job] });
    const replica = startReplica({ url: state.url, name: 'a', table });
    const missed = () => state.rows(`select from occurrences where reason = 'AgentUnavailable'`);
    await waitFor('three missed slots', async () => (await missed()).length >= 3);
    await replica.stop();
    await state.rows(`update occurrences set decided_at = decided_at - interval '31 days'`);
    await pruneOnce(database);
    expect(await missed()).toEqual([]);
  });

  it('forgets a deleted job, its runs and its sessions, after 30 days', async () => {
    await runSome(1);
    await state.rows(`update cron_jobs set gone_at = talaria_now() - interval '29 days'`);
    await pruneOnce(database);
    expect(await state.rows('select from cron_jobs')).toHaveLength(1);
    await state.rows(`update cron_jobs set gone_at = talaria_now() - interval '31 days'`);
    await pruneOnce(database);
    expect(await state.rows('select from cron_jobs')).toEqual([]);
    expect(await state.rows('select from cron_job_statuses')).toEqual([]);
    expect(await counts()).toMatchObject({ runs: 0, sessions: 0, items: 0, slots: 0 });
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../core/lib/log.ts';
import { createDatabase, type Database } from '../../../gateway/db/pool.ts';
import { createJobUpserter } from '../../../gateway/schedule/upsert.ts';
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

/** A gateway that starts, and how many transactions it needs to take in a table. */
async function transactionsOf(sequence: number, ...jobs: Parameters<typeof jobEntry>[]): Promise<number> {
  let count = 0;
  const counted: Database = {
    ...database,
    transaction: async (work) => {
      count += 1;
      return await database.transaction(work);
    },
  };
  const table = await tableOf({ sequence, jobs: jobs.map((job) => jobEntry(...job)) });
  await createJobUpserter({ database: counted, log }).sync(table);
  return count;
}

describe('a gateway that starts', () => {
  it('locks only the CronJobs that are not stored as its snapshot has them', async () => {
    expect(await transactionsOf(1, ['kept'], ['changed'])).toBe(1);
    expect(await transactionsOf(1, ['kept'], ['changed'])).toBe(0);
    expect(await transactionsOf(2, ['kept'], ['changed', { generation: 2 }])).toBe(1);
    const rows = await state.rows('select name, generation, sequence from cron_jobs order by name');
    expect(rows).toEqual([
      { name: 'changed', generation: '2', sequence: '2' },
      { name: 'kept', generation: '1', sequence: '1' },
    ]);
  });

  it('ends the jobs that left the snapshot while it was away, and brings back one that returned', async () => {
    await transactionsOf(1, ['gone'], ['kept']);
    await transactionsOf(2, ['kept']);
    expect(await state.rows('select name from cron_jobs where gone_at is not null')).toEqual([{ name: 'gone' }]);
    await transactionsOf(3, ['gone'], ['kept']);
    expect(await state.rows('select name from cron_jobs where gone_at is not null')).toEqual([]);
  });

  it('with an older snapshot ends no job of a newer one', async () => {
    await transactionsOf(5, ['new'], ['kept']);
    await transactionsOf(4, ['kept']);
    expect(await state.rows('select name from cron_jobs where gone_at is not null')).toEqual([]);
  });
});

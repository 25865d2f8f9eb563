import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { jobEntry, tableOf } from './entries.ts';
import { type Replica, startReplica } from './replica.ts';
import { createState, type TestState } from './state.ts';

let state: TestState;
const replicas: Replica[] = [];

beforeEach(async () => {
  state = await createState();
});

afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
  await state.drop();
});

describe('three replicas on one database', () => {
  it('start every slot of every job once, and run it', async () => {
    const jobs = Array.from({ length: 20 }, (_, index) => jobEntry(`job-${index}`, { concurrencyPolicy: 'Allow' }));
    const table = await tableOf({ sequence: 1, jobs });
    for (const name of ['a', 'b', 'c']) replicas.push(startReplica({ url: state.url, name, table }));
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

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startPostgres, type TestPostgres } from '../../harness/postgres.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { jobEntry, tableOf } from './entries.ts';
import { type Replica, startReplica } from './replica.ts';
import { createState, type TestState } from './state.ts';
import { holdTurns } from './turns.ts';

let postgres: TestPostgres;
let state: TestState;
const replicas: Replica[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
});

afterAll(async () => {
  await postgres.stop();
});

beforeEach(async () => {
  state = await createState(postgres.url);
});

afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
  await state.drop();
});

/** Slots from the first outcome to the last that have none, and slots with more than one start. */
async function faults(): Promise<{ undecided: number; doubles: number }> {
  const [row] = await state.rows<{ undecided: number; doubles: number }>(
    `with slots as (
       select job_uid, generate_series(min(slot), max(slot), interval '1 second') as slot from occurrences group by job_uid
     ),
     undecided as (
       select s.* from slots s
       where not exists (select from occurrences o where o.job_uid = s.job_uid and o.slot = s.slot)
         and not exists (
           select from gaps g where g.job_uid = s.job_uid and s.slot > g.from_time and s.slot <= g.to_time)
     )
     select (select count(*)::int from undecided) as undecided,
       (select count(*)::int from (select from runs group by job_uid, slot having count(*) > 1) d) as doubles`,
  );
  return row ?? { undecided: -1, doubles: -1 };
}

async function newestSlot(): Promise<number> {
  const [row] = await state.rows<{ newest: Date | null }>('select max(slot) as newest from occurrences');
  return row?.newest?.getTime() ?? 0;
}

describe.each([
  ['is restarted', () => postgres.restart()],
  ['is killed and started again', () => postgres.kill().then(() => postgres.start())],
])('a database that %s while jobs are due', (_, interrupt) => {
  it('delays slots and loses none', async () => {
    const jobs = Array.from({ length: 30 }, (_, index) => jobEntry(`job-${index}`, { concurrencyPolicy: 'Allow' }));
    const table = await tableOf({ sequence: 1, jobs });
    for (const name of ['a', 'b']) replicas.push(startReplica({ url: state.url, name, table }));
    await waitFor('the first slots', async () => (await newestSlot()) > 0);
    for (let round = 0; round < 3; round += 1) {
      const before = await newestSlot();
      await interrupt();
      await waitFor('slots after the database is back', async () => (await newestSlot()) > before + 2_000, {
        timeoutMs: 30_000,
      });
    }
    expect(await faults()).toEqual({ undecided: 0, doubles: 0 });
  });
});

describe('a database that is away when a turn ends', () => {
  it('gets the result when it is back', async () => {
    const turns = holdTurns('paid for');
    const table = await tableOf({ sequence: 1, jobs: [jobEntry('patient', { schedule: '@every 2s' })] });
    replicas.push(startReplica({ url: state.url, name: 'a', table, runTurn: turns.runTurn }));
    await waitFor('the turn to begin', () => turns.begun() === 1);
    await postgres.kill();
    turns.release();
    await postgres.start();
    const first = await waitFor('the result', async () => {
      const rows = await state.rows<{ status: string; output_text: string }>(
        'select status, output_text from runs order by slot limit 1',
      );
      return rows[0]?.status === 'running' ? undefined : rows[0];
    });
    expect(first).toEqual({ status: 'completed', output_text: 'paid for' });
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../../core/lib/id.ts';
import { createLogger } from '../../../core/lib/log.ts';
import { createDatabase, type Database } from '../../../gateway/db/pool.ts';
import { discardDelivery, retryDelivery } from '../../../gateway/delivery/manage.ts';
import { listDeliveries, readDelivery } from '../../../gateway/delivery/read-deliveries.ts';
import { createState, type TestState } from '../schedule/state.ts';
import { storeDelivery } from './stored-deliveries.ts';

const everybody = { agents: '*' } as const;
const onlyClerk = { agents: ['clerk'] };
const noHints = { tell: () => undefined };

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

async function rowOf(id: string) {
  const [row] = await state.rows<{ status: string; head: boolean | null; seconds: number; attempts_before: number }>(
    `select status, head, attempts_before, round(extract(epoch from expires_at - talaria_now()))::int as seconds
     from deliveries where id = $1`,
    [id],
  );
  return row;
}

describe('the list of deliveries', () => {
  it('is filtered by agent, job, run and status, and comes in pages, the newest first', async () => {
    await state.rows(`insert into cron_jobs (uid, name, agent, generation, sequence, entry_hash, schedule, anchor,
      decided_to, suspended, on_delete, history_limit)
      values ('j1', 'report', 'clerk', 1, 1, '', '', now(), now(), false, 'Finish', 1)`);
    const run = newId();
    const first = await storeDelivery(state, { run, jobUid: 'j1' });
    const second = await storeDelivery(state, { status: 'dead' });
    const third = await storeDelivery(state, { agent: 'other' });
    const ids = async (filter: object) => {
      const { deliveries } = await listDeliveries(database, everybody, { limit: 10, ...filter });
      return deliveries.map(({ id }) => id);
    };
    expect(await ids({})).toEqual([third, second, first]);
    expect(await ids({ agent: 'other' })).toEqual([third]);
    expect(await ids({ job: 'report' })).toEqual([first]);
    expect(await ids({ run })).toEqual([first]);
    expect(await ids({ status: 'dead' })).toEqual([second]);
    expect(await ids({ after: second })).toEqual([first]);
    expect((await listDeliveries(database, everybody, { limit: 2 })).hasMore).toBe(true);
    expect((await listDeliveries(database, everybody, { limit: 3 })).hasMore).toBe(false);
  });

  it('has nothing of an agent that the caller may not call, and neither has the reading of one', async () => {
    const foreign = await storeDelivery(state, { agent: 'other' });
    const own = await storeDelivery(state, { text: 'the report' });
    const { deliveries } = await listDeliveries(database, onlyClerk, { limit: 10 });
    expect(deliveries.map(({ id }) => id)).toEqual([own]);
    expect(await readDelivery(database, onlyClerk, foreign)).toBeUndefined();
    expect(await readDelivery(database, onlyClerk, own)).toMatchObject({
      id: own,
      text: 'the report',
      status: 'pending',
    });
  });

  it('shows where a webhook goes and not the names of its secrets', async () => {
    const destination = { url: 'https://example.com/hook', secrets: ['job.hook.v1'] };
    const id = await storeDelivery(state, { kind: 'webhook', destination });
    const delivery = await readDelivery(database, everybody, id);
    expect(delivery?.destination).toEqual({ kind: 'webhook', url: 'https://example.com/hook' });
  });
});

describe('a delivery that was given up', () => {
  it('waits again with its whole time when it is retried, however often', async () => {
    const id = await storeDelivery(state, { status: 'dead', expireAfterSeconds: 600 });
    await state.moveClock(1_000);
    expect(await retryDelivery(database, noHints, onlyClerk, id)).toEqual({ kind: 'done' });
    expect(await rowOf(id)).toMatchObject({ status: 'pending', head: null, seconds: 600 });
    await state.moveClock(500);
    await state.rows(`update deliveries set status = 'expired', attempts = 7`);
    await retryDelivery(database, noHints, onlyClerk, id);
    expect(await rowOf(id)).toMatchObject({ status: 'pending', seconds: 600, attempts_before: 7 });
  });

  it('is retried only from a state in which nobody sends it, and only by who may call its agent', async () => {
    const sent = await storeDelivery(state, { status: 'sent' });
    const foreign = await storeDelivery(state, { status: 'dead', agent: 'other' });
    expect(await retryDelivery(database, noHints, onlyClerk, sent)).toEqual({ kind: 'refused', status: 'sent' });
    expect(await retryDelivery(database, noHints, onlyClerk, foreign)).toEqual({ kind: 'missing' });
    expect(await rowOf(foreign)).toMatchObject({ status: 'dead' });
  });

  it('is discarded for good, and who did it is kept', async () => {
    const id = await storeDelivery(state, { status: 'ambiguous' });
    expect(await discardDelivery(database, noHints, everybody, id, 'ada')).toEqual({ kind: 'done' });
    expect(await readDelivery(database, everybody, id)).toMatchObject({
      status: 'suppressed',
      lastError: 'discarded by ada',
    });
    expect(await retryDelivery(database, noHints, everybody, id)).toEqual({ kind: 'refused', status: 'suppressed' });
  });
});

it('a delivery that waits is discarded, and the next of its line takes its place', async () => {
  const first = await storeDelivery(state, { line: 'one' });
  const second = await storeDelivery(state, { line: 'one' });
  await state.rows('update deliveries set head = id = $1', [first]);
  expect(await discardDelivery(database, noHints, everybody, first, 'ada')).toEqual({ kind: 'done' });
  expect(await rowOf(second)).toMatchObject({ status: 'pending', head: true });
  await state.rows(`update deliveries set status = 'sending' where id = $1`, [second]);
  expect(await discardDelivery(database, noHints, everybody, second, 'ada')).toEqual({
    kind: 'refused',
    status: 'sending',
  });
});

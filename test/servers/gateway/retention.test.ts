import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../../core/lib/id.ts';
import { createLogger } from '../../../core/lib/log.ts';
import { buildTable } from '../../../gateway/config/table.ts';
import { createDatabase, type Database } from '../../../gateway/db/pool.ts';
import { pruneSessions } from '../../../gateway/sessions/prune-sessions.ts';
import { createRetention } from '../../../gateway/sessions/retention.ts';
import { configuration } from '../../harness/entries.ts';
import { ask, startTestGateway } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createState, type TestState } from '../schedule/state.ts';

let state: TestState;
let database: Database;
const log = createLogger('test', 'silent');
beforeEach(async () => {
  state = await createState();
  database = createDatabase({ url: state.url, directUrl: state.url, log });
});
afterEach(async () => {
  await database.stop();
  await state.drop();
});

const hour = 3_600;
const served = {
  agents: [
    { name: 'brief', default: true, sessions: { retentionSeconds: hour } },
    { name: 'keeps' },
    { name: 'long', sessions: { retentionSeconds: 10 * hour } },
  ],
  gatewayKeys: [{ name: 'ada', key: 'ada' }],
};
const { agents } = configuration(served).snapshot.content;
const prune = async () => {
  while (await pruneSessions(database, agents));
};
const counts = async () =>
  (
    await state.rows(`select
      (select array_agg(agent order by agent) from sessions) as sessions,
      (select array_agg(distinct agent order by agent) from items) as items,
      (select array_agg(agent order by agent) from runs) as runs`)
  )[0];

/** One turn each of a session, and one without a session, of every agent. */
async function talk(): Promise<void> {
  const gateway = await startTestGateway({ databaseUrl: state.url, serves: served });
  for (const { name } of agents) {
    const model = `talaria/${name}`;
    await ask(gateway.url, { key: 'ada', model, headers: { 'x-talaria-session-id': name } });
    await ask(gateway.url, { key: 'ada', model, headers: { 'idempotency-key': name } });
  }
  await gateway.stop();
}

describe('what an Agent does not keep', () => {
  it('is deleted that long after its last use, sessions and runs, and of that Agent alone', async () => {
    await talk();
    await state.moveClock(hour - 60);
    await prune();
    const all = ['brief', 'keeps', 'long'];
    expect(await counts()).toEqual({ sessions: all, items: all, runs: all.flatMap((name) => [name, name]) });
    await state.moveClock(120);
    await prune();
    const rest = ['keeps', 'long'];
    expect(await counts()).toEqual({ sessions: rest, items: rest, runs: rest.flatMap((name) => [name, name]) });
    await state.moveClock(10 * hour);
    await prune();
    expect(await counts()).toEqual({ sessions: ['keeps'], items: ['keeps'], runs: ['keeps', 'keeps'] });
  });

  it('stays while a run of its session is open', async () => {
    await talk();
    await state.rows(
      `update runs set status = 'waiting_for_approval' where agent = 'brief' and session_id is not null`,
    );
    await state.moveClock(2 * hour);
    await prune();
    expect(await counts()).toMatchObject({ sessions: ['brief', 'keeps', 'long'] });
  });

  it('does not include the runs of a CronJob, whose own limit holds', async () => {
    await talk();
    await state.rows(
      `update runs set job_uid = 'job', occurrence = id::text where agent = 'brief' and session_id is null`,
    );
    await state.moveClock(2 * hour);
    await prune();
    expect(await counts()).toMatchObject({ runs: ['brief', 'keeps', 'keeps', 'long', 'long'] });
  });

  it('is deleted in batches, to the last one', async () => {
    await state.rows(
      `insert into sessions (id, agent, agent_uid, platform, principal)
       select gen_random_uuid(), 'brief', 'u', 'api', 'p' from generate_series(1, 1200)`,
    );
    await state.moveClock(2 * hour);
    expect(await pruneSessions(database, agents)).toBe(true);
    expect(await state.rows('select 1 from sessions')).toHaveLength(700);
    await prune();
    expect(await state.rows('select 1 from sessions')).toEqual([]);
  });

  it('is not deleted under a turn that is beginning', async () => {
    await talk();
    await state.moveClock(2 * hour);
    const [run] = [newId()];
    await database.transaction(async (client) => {
      await client.query(`select from sessions where agent = 'brief' for update`);
      await client.query(
        `insert into runs (id, agent, agent_uid, agent_generation, sequence, session_id, trigger, principal, status,
           foreground, input)
         select $1, agent, agent_uid, 1, 1, id, 'api', principal, 'running', true, '{"items": []}'
         from sessions where agent = 'brief'`,
        [run],
      );
      // It steps over what is locked.
      await prune();
    });
    await prune();
    expect(await counts()).toMatchObject({ sessions: ['brief', 'keeps', 'long'] });
  });
});

it('an Idempotency-Key is forgotten after a day', async () => {
  await talk();
  expect(await state.rows('select 1 from idempotency_keys')).toHaveLength(3);
  await prune();
  expect(await state.rows('select 1 from idempotency_keys')).toHaveLength(3);
  await state.moveClock(25 * hour);
  await pruneSessions(database, []);
  expect(await state.rows('select 1 from idempotency_keys')).toEqual([]);
});

it('one replica at a time looks, and another takes over when it is gone', async () => {
  await talk();
  await state.moveClock(2 * hour);
  const table = await buildTable(configuration(served));
  const options = { database, table: () => table, log, everyMs: 20 };
  const [stale, fresh] = [
    createRetention({ ...options, mayWork: () => false }),
    createRetention({ ...options, mayWork: () => true }),
  ];
  stale.start();
  fresh.start();
  await waitFor('the session to be deleted', async () => {
    return (await state.rows(`select 1 from sessions where agent = 'brief'`)).length === 0;
  });
  expect(await state.rows(`select 1 from leases where name = 'retention'`)).toHaveLength(1);
  await Promise.all([stale.stop(), fresh.stop()]);
  const next = createRetention({ ...options, mayWork: () => true });
  next.start();
  await state.moveClock(9 * hour);
  await waitFor('the next to be deleted', async () => {
    return (await state.rows(`select 1 from sessions where agent = 'long'`)).length === 0;
  });
  await next.stop();
});

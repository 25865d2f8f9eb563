import { afterEach, beforeEach, expect, it } from 'vitest';
import { newId } from '../../../core/lib/id.ts';
import { createLogger } from '../../../core/lib/log.ts';
import { envelope } from '../../../core/route/envelope.ts';
import type { Principal } from '../../../core/route/principal.ts';
import type { ResolveQuery } from '../../../core/route/resolve.ts';
import { createModels } from '../../../gateway/agent/models/models.ts';
import { createTurnRunner } from '../../../gateway/agent/turn.ts';
import { buildTable } from '../../../gateway/config/table.ts';
import { createDatabase, type Database } from '../../../gateway/db/pool.ts';
import { createEgressPolicy } from '../../../gateway/egress.ts';
import { createMetrics } from '../../../gateway/metrics.ts';
import { findChained } from '../../../gateway/responses/chain.ts';
import { spokenText, toItems } from '../../../gateway/sessions/items.ts';
import { createSessionOwners } from '../../../gateway/sessions/owners.ts';
import { createTurnFinisher } from '../../../gateway/turns/finish-turn.ts';
import { createStoredTurns } from '../../../gateway/turns/stored-turn.ts';
import type { SessionChoice, TurnRequest } from '../../../gateway/turns/turn-request.ts';
import { configuration } from '../../harness/entries.ts';
import { type PostgresTap, startPostgresTap } from '../../harness/postgres-tap.ts';
import { createState, type TestState } from '../schedule/state.ts';

let state: TestState;
let tap: PostgresTap;
let database: Database;
beforeEach(async () => {
  state = await createState();
  tap = await startPostgresTap(state.url);
  const log = createLogger('test', 'silent');
  database = createDatabase({ url: tap.url, directUrl: tap.url, log, maxConnections: 1 });
  await database.query('select 1');
});
afterEach(async () => {
  await database.stop();
  await tap.stop();
  await state.drop();
});

const principal: Principal = { id: 'gateway-key:all', role: 'client', agents: '*' };
const query: ResolveQuery = { envelope: envelope({}), principal, isRetired: () => false };
const named = (value: string): SessionChoice => ({ kind: 'header', value });

it('a stored turn costs two round trips, begin and finish, from the first turn of its session on', async () => {
  const begin = await storedTurns();
  for (const [sessionId, costs] of [
    ['mine', 2],
    ['mine', 2],
    ['another', 2],
    ['mine', 2],
  ] as const) {
    const before = tap.roundTrips();
    const turn = await begin(named(sessionId));
    expect(spokenText((await turn.complete()).output)).toBe('hello');
    expect(tap.roundTrips() - before).toBe(costs);
  }
  expect(await state.rows('select count(*)::int as turns from runs')).toEqual([{ turns: 4 }]);
});

it('a response costs two round trips when it begins a session, and three when it goes on from another', async () => {
  const begin = await storedTurns();
  const before = tap.roundTrips();
  const response = { id: newId(), request: {} };
  await (await begin({ kind: 'new' }, { response })).complete();
  expect(tap.roundTrips() - before).toBe(2);
  const found = await findChained(database, principal, response.id);
  const session = { kind: 'at', id: found?.session ?? '', seq: found?.lastSeq ?? 0 } as const;
  const bound = { kind: 'response', agent: found?.agent ?? '' } as const;
  const next = { id: newId(), previous: response.id, request: {} };
  await (await begin(session, { response: next, query: { ...query, bound } })).complete();
  expect(tap.roundTrips() - before).toBe(5);
  expect(await state.rows('select count(*)::int as sessions from sessions')).toEqual([{ sessions: 1 }]);
});

it('a turn of a named session reads only that session, however many its agent has, also on tables that were never analyzed', async () => {
  await state.rows('alter table sessions set (autovacuum_enabled = false)');
  const begin = await storedTurns();
  const say = async (session: string) => (await begin(named(session))).complete();
  // Plans are made while the table is empty, and kept.
  for (let turn = 0; turn < 10; turn += 1) await say('first');
  for (let at = 0; at < 200; at += 1) await say(`of-many-${at}`);
  const before = await sessionsRead();
  for (let at = 0; at < 20; at += 1) await say(`of-many-${at}`);
  // Its own row, some times over and in some versions; never those of the others.
  expect(((await sessionsRead()) - before) / 20).toBeLessThan(20);
});

/** How many rows were read through the indexes of `sessions`, or without one. */
async function sessionsRead(): Promise<number> {
  await database.query('select pg_stat_force_next_flush()');
  const { rows } = await database.query<{ read: number }>(
    `select (t.seq_tup_read + sum(i.idx_tup_read))::int as read
     from pg_stat_user_tables t join pg_stat_user_indexes i using (relid)
     where t.relname = 'sessions' group by t.seq_tup_read`,
  );
  return rows[0]?.read ?? 0;
}

it('no connection is held while the model is asked', async () => {
  const begin = await storedTurns();
  const [first, second] = [await begin(named('one')), await begin(named('two'))];
  expect(await database.query('select 1 as alive')).toMatchObject({ rows: [{ alive: 1 }] });
  await Promise.all([first.complete(), second.complete()]);
});

async function storedTurns() {
  const table = await buildTable(configuration({ agents: [{ name: 'main', default: true }] }));
  const worker = newId();
  await state.rows(`insert into workers values ($1, 'replica', 1, talaria_now() + interval '1 hour')`, [worker]);
  const models = createModels({ egress: createEgressPolicy({ kind: 'models', allow: [], privateNetworks: true }) });
  const follow = () => ({ next: async () => undefined, [Symbol.dispose]: () => undefined });
  const hints = { tell: () => undefined, follow };
  const stored = createStoredTurns({
    database,
    lease: () => ({ id: worker, predecessors: [], signal: new AbortController().signal }),
    owners: createSessionOwners(),
    finisher: createTurnFinisher({ database, hints, log: createLogger('test', 'silent') }),
    hints,
    active: {
      enter: () => ({ signal: new AbortController().signal, leave: () => undefined }),
      start: () => undefined,
      stop: async () => undefined,
    },
    runTurn: createTurnRunner({ models, metrics: createMetrics() }),
    now: Date.now,
  });
  return async (session: SessionChoice, fields: Partial<TurnRequest> = {}) => {
    const turn = await stored.begin(
      {
        table,
        query,
        session,
        input: toItems({ role: 'user', content: 'hello' }),
        tools: [],
        parameters: {},
        acquire: () => undefined,
        ...fields,
      },
      new AbortController().signal,
    );
    if (turn.kind === 'repeated') throw new Error('nothing is repeated here');
    return turn;
  };
}

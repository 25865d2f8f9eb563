import { rm } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { newId } from '../../../core/lib/id.ts';
import { migrate } from '../../../gateway/db/migrate.ts';
import { startPostgres } from '../../harness/postgres.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';
import { createRandom, type Random } from '../../isolation/random.ts';
import { type ChaosReport, runChaos } from './chaos.ts';
import type { Faults, FaultyTarget, Take } from './faulty-receiver.ts';
import { type StormReplica, startStormReplica } from './replicas.ts';

export interface DeliveryStormOptions {
  readonly deliveries: number;
  readonly chats: number;
  readonly faults: Faults;
  readonly startTarget: (faults: Faults, random: Random) => Promise<FaultyTarget>;
  readonly replicas: number;
  readonly killEveryMs: number;
  readonly restarts: number;
  /** The restarts are spread over this time. */
  readonly restartsWithinMs: number;
  /** Given up after this. */
  readonly withinMs: number;
  readonly seed: number;
  readonly say?: (line: string) => void;
}

export interface DeliveryStormReport extends Omit<ChaosReport, 'databaseOutages'> {
  /** Until the last one was sent, and until the last restart was over too. */
  readonly sentSeconds: number;
  readonly seconds: number;
  readonly deliveries: number;
  /** By status at the end. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Attempts that reached the target. */
  readonly requests: number;
  /** Deliveries that the target never took and that are not `ambiguous`. */
  readonly lost: number;
  /** Deliveries that the target took more than once and could not tell by their id, those `ambiguous` left out. */
  readonly twice: number;
  /** Deliveries that came again under their own id, by which the target tells. */
  readonly repeated: number;
  readonly ambiguous: number;
  /** Deliveries that came after a later one of their chat. */
  readonly outOfOrder: number;
}

/**
 * Outbox rows for a target that behaves badly, and replicas that send them, are killed and come back while PostgreSQL is
 * restarted. At the end what the target took is held against the rows.
 */
export async function runDeliveryStorm(options: DeliveryStormOptions): Promise<DeliveryStormReport> {
  const { say = () => undefined } = options;
  const random = createRandom(options.seed);
  const [folder, postgres] = await Promise.all([temporaryFolder('storm'), startPostgres()]);
  const database = await postgres.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  pool.on('error', () => undefined);
  const target = await options.startTarget(options.faults, createRandom(options.seed + 1));
  const replicas: StormReplica[] = [];
  try {
    await migrate(database.url);
    await pool.query(`insert into installation (namespace_uid) values ('storm')`);
    await fillOutbox(pool, target, options);
    const startedAt = performance.now();
    const begin = Date.now();
    const starting = Array.from({ length: options.replicas }, (_, index) => startSender(index, database.url, folder));
    for (const started of await Promise.allSettled(starting)) {
      if (started.status === 'fulfilled') replicas.push(started.value);
    }
    if (replicas.length < options.replicas) throw new Error('a replica did not start');
    say(`${options.deliveries} deliveries to ${options.chats} chats; the storm begins`);
    const { databaseOutages: _, ...chaos } = await runChaos({
      ...options,
      replicas,
      postgres,
      random,
      done: () => allSent(pool, startedAt, options),
      say,
    });
    await Promise.all(replicas.map((replica) => replica.stop()));
    const seconds = (performance.now() - startedAt) / 1_000;
    return { ...chaos, seconds, requests: target.requests(), ...(await account(pool, target.takes, begin)) };
  } finally {
    await Promise.allSettled(replicas.map((replica) => replica.stop()));
    await target.stop();
    await pool.end();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const agents = 20;

function startSender(index: number, databaseUrl: string, folder: string): Promise<StormReplica> {
  const name = `replica-${index}`;
  const turnLog = path.join(folder, `${name}.turns`);
  const process = { databaseUrl, name, turnLog, jobs: 0, busyJobs: 0, agents, everySeconds: 60, turnMs: 0 };
  return startStormReplica({ process, compileCache: path.join(folder, 'compiled') });
}

/** The rows as runs leave them; the chats take turns, and the number in its chat is what a message says. */
async function fillOutbox(pool: pg.Pool, target: FaultyTarget, { deliveries, chats }: DeliveryStormOptions) {
  for (let first = 0; first < deliveries; first += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, deliveries - first);
    const rows = Array.from({ length: count }, (_, index) => outboxRow(first + index, chats, target));
    await pool.query(insertStatement, [JSON.stringify(rows)]);
  }
}

const rowsAtOnce = 2_000;

function outboxRow(index: number, chats: number, target: FaultyTarget) {
  const chat = index % chats;
  const agent = `agent-${chat % agents}`;
  const text = String(Math.floor(index / chats));
  const runId = newId();
  const data = { agent, runId, outcome: 'completed', text, part: 1, parts: 1 };
  return {
    id: newId(),
    run_id: runId,
    agent,
    agent_uid: `uid-of-${agent}`,
    line: `chat-${chat}`,
    data: { type: 'talaria.run.completed', timestamp: '2030-01-01T00:00:00.000Z', data },
    ...target.row(chat),
  };
}

const insertStatement = `
  insert into deliveries (id, run_id, agent, agent_uid, target, part, parts, line, kind, destination, data, status,
    expires_at)
  select r.id, r.run_id, r.agent, r.agent_uid, 'deliver/storm', 1, 1, r.line, r.kind, r.destination, r.data, 'pending',
    talaria_now() + interval '1 day'
  from jsonb_array_elements($1) with ordinality as row (value, number),
    jsonb_to_record(row.value) as r(id uuid, run_id uuid, agent text, agent_uid text, line text, kind text,
      destination jsonb, data jsonb)
  order by row.number`;

/** Throws when it takes too long; false while the database cannot be asked. */
async function allSent(pool: pg.Pool, startedAt: number, { withinMs }: DeliveryStormOptions): Promise<boolean> {
  const open = await pool
    .query<{ open: string }>(`select count(*) as open from deliveries where status in ('pending', 'sending')`)
    .then(
      ({ rows }) => Number(rows[0]?.open),
      () => Number.NaN,
    );
  if (performance.now() - startedAt > withinMs) throw new Error(`after ${withinMs} ms ${open} deliveries are open`);
  return open === 0;
}

interface DeliveryRow {
  readonly line: string;
  readonly status: string;
  readonly data: { readonly data: { readonly text: string } };
}

async function account(pool: pg.Pool, takes: readonly Take[], begin: number) {
  const { rows } = await pool.query<DeliveryRow>('select line, status, data from deliveries');
  const byMessage = Map.groupBy(takes, ({ chat, number }) => `chat-${chat} ${number}`);
  const results = rows.map(({ line, status, data }) => {
    const taken = byMessage.get(`${line} ${data.data.text}`) ?? [];
    const ids = new Set(taken.map(({ id }) => id));
    return { status, taken: taken.length, unknowable: ids.has('') ? taken.length : ids.size };
  });
  const settled = results.filter(({ status }) => status !== 'ambiguous');
  const statuses: Record<string, number> = {};
  for (const { status } of results) statuses[status] = (statuses[status] ?? 0) + 1;
  const { rows: ends } = await pool.query<{ last: Date }>('select max(sent_at) as last from deliveries');
  return {
    sentSeconds: ((ends[0]?.last.getTime() ?? Number.NaN) - begin) / 1_000,
    deliveries: rows.length,
    statuses,
    lost: settled.filter(({ taken }) => taken === 0).length,
    twice: settled.filter(({ unknowable }) => unknowable > 1).length,
    repeated: results.filter(({ taken, unknowable }) => taken > unknowable).length,
    ambiguous: results.length - settled.length,
    outOfOrder: countOutOfOrder(takes),
  };
}

function countOutOfOrder(takes: readonly Take[]): number {
  const newest = new Map<number, number>();
  let late = 0;
  for (const { chat, number } of takes) {
    const before = newest.get(chat) ?? -1;
    if (number < before) late += 1;
    newest.set(chat, Math.max(before, number));
  }
  return late;
}

import { rm } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { newId } from '../../../core/lib/id.ts';
import { migrate } from '../../../gateway/db/migrate.ts';
import { startPostgres } from '../../harness/postgres.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';
import { createRandom } from '../../isolation/random.ts';
import { type ChaosReport, runChaos } from './chaos.ts';
import { type DeliveryAccounts, readDeliveryAccounts } from './delivery-accounts.ts';
import type { Faults, FaultyTarget, StartTarget } from './faulty-target.ts';
import { bundleReplica, type ReplicaProgram, type StormReplica, startStormReplica } from './replicas.ts';

export interface DeliveryStormOptions {
  readonly deliveries: number;
  readonly chats: number;
  /** The chats belong to them by turns. */
  readonly agents: number;
  readonly faults: Faults;
  readonly startTarget: StartTarget;
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

export interface DeliveryStormReport extends DeliveryAccounts, Omit<ChaosReport, 'databaseOutages'> {
  /** Until the last one was done and the last restart was over. */
  readonly seconds: number;
  /** Attempts that reached the target. */
  readonly requests: number;
  /** Of them, those with another Agent's token than that of the chat's. */
  readonly foreignTokens: number;
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
  const target = await options.startTarget(options.faults, createRandom(options.seed + 1), agentOf(options));
  const replicas: StormReplica[] = [];
  try {
    await migrate(database.url);
    await pool.query(`insert into installation (namespace_uid) values ('storm')`);
    await fillOutbox(pool, target, options);
    const place = { databaseUrl: database.url, folder, program: await bundleReplica(folder) };
    const startedAt = performance.now();
    const begin = Date.now();
    const starting = Array.from({ length: options.replicas }, (_, index) => startSender(index, place, target, options));
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
    const requests = target.requests();
    const foreignTokens = target.foreignTokens();
    return { ...chaos, seconds, requests, foreignTokens, ...(await readDeliveryAccounts(pool, target.takes(), begin)) };
  } finally {
    await Promise.allSettled(replicas.map((replica) => replica.stop()));
    await target.stop();
    await pool.end();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function agentOf({ agents }: DeliveryStormOptions): (chat: number) => string {
  return (chat) => `agent-${chat % agents}`;
}

interface SenderPlace {
  readonly databaseUrl: string;
  readonly folder: string;
  readonly program: ReplicaProgram;
}

function startSender(
  index: number,
  { databaseUrl, folder, program }: SenderPlace,
  { telegramURL }: FaultyTarget,
  { agents }: DeliveryStormOptions,
): Promise<StormReplica> {
  const name = `replica-${index}`;
  const turnLog = path.join(folder, `${name}.turns`);
  const jobs = { jobs: 0, busyJobs: 0, agents, everySeconds: 60, turnMs: 0 };
  const process = { databaseUrl, name, turnLog, ...jobs, ...(telegramURL === undefined ? {} : { telegramURL }) };
  return startStormReplica({ process, program });
}

/** The rows as runs leave them; the chats take turns, and the number in its chat is what a message says. */
async function fillOutbox(pool: pg.Pool, target: FaultyTarget, options: DeliveryStormOptions) {
  const { deliveries } = options;
  for (let first = 0; first < deliveries; first += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, deliveries - first);
    const rows = Array.from({ length: count }, (_, index) => outboxRow(first + index, target, options));
    await pool.query(insertStatement, [JSON.stringify(rows)]);
  }
}

const rowsAtOnce = 2_000;

function outboxRow(index: number, target: FaultyTarget, options: DeliveryStormOptions) {
  const { chats } = options;
  const chat = index % chats;
  const agent = agentOf(options)(chat);
  const text = String(Math.floor(index / chats));
  const runId = newId();
  const data = { agent, runId, outcome: 'completed', text, part: 1, parts: 1 };
  return {
    id: newId(),
    run_id: runId,
    agent,
    agent_uid: `uid-of-${agent}`,
    data: { type: 'talaria.run.completed', timestamp: '2030-01-01T00:00:00.000Z', data },
    ...target.row(chat, agent),
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

import { rm } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { migrate } from '../../../gateway/db/migrate.ts';
import { startPostgres } from '../../harness/postgres.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createRandom } from '../../isolation/random.ts';
import { type ChaosReport, runChaos } from './chaos.ts';
import { stormJobs } from './jobs.ts';
import {
  bundleReplica,
  outagesOf,
  type StormReplica,
  type StormReplicaOptions,
  startStormReplica,
} from './replicas.ts';
import { readSlotAccounts, type SlotAccounts } from './slots.ts';
import { readTurnLog } from './turn-log.ts';

/** What moves the wall clock of a replica. */
export type ClockMover = (skewMs: number) => Pick<StormReplicaOptions, 'env' | 'nodeArguments'>;

export interface CronStormOptions {
  readonly jobs: number;
  readonly slots: number;
  readonly everySeconds: number;
  readonly busyJobs: number;
  readonly killEveryMs: number;
  readonly restarts: number;
  /** The wall clocks of the replicas, against the right one; as many replicas as there are. */
  readonly skewsMs: readonly number[];
  readonly moveClock: ClockMover;
  readonly seed: number;
  readonly say?: (line: string) => void;
}

export interface CronStormReport extends SlotAccounts, Omit<ChaosReport, 'databaseOutages'> {
  readonly seconds: number;
  readonly databaseAwaySeconds: number;
  readonly nobodyUpSeconds: number;
}

/**
 * Replicas as processes on one PostgreSQL, which is restarted meanwhile, and CronJobs below the API that have `slots` slots in
 * all. One replica is killed in each period, whichever is up, and comes back. At the end every slot is held against the
 * database and against what the replicas wrote down when they made a turn.
 */
export async function runCronStorm(options: CronStormOptions): Promise<CronStormReport> {
  const { say = () => undefined } = options;
  const [folder, postgres] = await Promise.all([temporaryFolder('storm'), startPostgres()]);
  const database = await postgres.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  pool.on('error', () => undefined);
  const replicas: StormReplica[] = [];
  try {
    await migrate(database.url);
    await pool.query(`insert into installation (namespace_uid) values ('storm')`);
    const start = startReplicas(options, database.url, folder);
    replicas.push(...(await start));
    for (const [index, replica] of replicas.entries()) checkClock(replica, options.skewsMs[index] ?? 0);
    await everyJobIsSeen(pool, options.jobs);
    const startedAt = Date.now();
    say(`${replicas.length} replicas hold ${options.jobs} CronJobs; the storm begins`);
    const chaos = await runChaos({
      ...options,
      replicas,
      postgres,
      restartsWithinMs: (options.slots / options.jobs) * options.everySeconds * 1_000,
      random: createRandom(options.seed),
      done: () => allSlotsDue(pool, options),
      say,
    });
    const until = Date.now();
    await everythingIsSettled(pool, until);
    await Promise.all(replicas.map((replica) => replica.stop()));
    const outages = outagesOf(replicas, startedAt, until);
    const accounts = await readSlotAccounts({
      pool,
      jobs: stormJobs({ ...options, agents }),
      until,
      turns: replicas.flatMap(({ name }) => readTurnLog(turnLogOf(folder, name))),
      kills: new Map(replicas.flatMap(({ kills }) => [...kills])),
      outages,
    });
    const { databaseOutages, ...counts } = chaos;
    return {
      ...accounts,
      ...counts,
      seconds: (until - startedAt) / 1_000,
      databaseAwaySeconds: secondsOf(databaseOutages),
      nobodyUpSeconds: secondsOf(outages),
    };
  } finally {
    await Promise.allSettled(replicas.map((replica) => replica.stop()));
    await pool.end();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const agents = 20;
const turnMs = 300;

function turnLogOf(folder: string, name: string): string {
  return path.join(folder, `${name}.turns`);
}

/** Stops those that did start when one does not. */
async function startReplicas(options: CronStormOptions, databaseUrl: string, folder: string): Promise<StormReplica[]> {
  const { jobs, everySeconds, busyJobs, skewsMs, moveClock } = options;
  const program = await bundleReplica(folder);
  const started = await Promise.allSettled(
    skewsMs.map((skewMs, index) => {
      const name = `replica-${index}`;
      const turnLog = turnLogOf(folder, name);
      const process = { databaseUrl, name, jobs, agents, everySeconds, busyJobs, turnMs, turnLog };
      return startStormReplica({ process, program, ...(skewMs === 0 ? {} : moveClock(skewMs)) });
    }),
  );
  const replicas = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = started.find((result) => result.status === 'rejected');
  if (failed === undefined) return replicas;
  await Promise.all(replicas.map((replica) => replica.stop()));
  throw failed.reason;
}

function checkClock(replica: StormReplica, skewMs: number): void {
  if (Math.abs(replica.aheadMs() - skewMs) < 60_000) return;
  throw new Error(
    `the clock of ${replica.name} is ${replica.aheadMs()} ms ahead, and not ${skewMs} ms as it should be`,
  );
}

async function everyJobIsSeen(pool: pg.Pool, jobs: number): Promise<void> {
  await waitFor(
    'every job to have its row',
    async () => {
      const { rows } = await pool.query<{ seen: string }>('select count(*) as seen from cron_jobs');
      return Number(rows[0]?.seen) === jobs;
    },
    { timeoutMs: 120_000, intervalMs: 100 },
  );
}

/** Whether as many slots were due as are wanted; false while the database cannot be asked. */
async function allSlotsDue(pool: pg.Pool, options: CronStormOptions): Promise<boolean> {
  const due = await pool
    .query<{ due: string }>(
      `select coalesce(sum(floor(extract(epoch from now() - anchor) / substring(schedule from '@every (\\d+)s')::integer) - 1), 0)
         as due
       from cron_jobs`,
    )
    .then(
      ({ rows }) => Number(rows[0]?.due),
      () => 0,
    );
  return due >= options.slots;
}

async function everythingIsSettled(pool: pg.Pool, until: number): Promise<void> {
  await waitFor(
    'every slot to be decided and every run to end',
    async () => {
      const { rows } = await pool.query<{ open: string }>(
        `select (select count(*) from cron_jobs where next_start <= $1)
           + (select count(*) from runs where slot <= $1 and status in ('queued', 'running', 'stopping')) as open`,
        [new Date(until)],
      );
      return Number(rows[0]?.open) === 0;
    },
    { timeoutMs: 300_000, intervalMs: 250 },
  );
}

function secondsOf(stretches: readonly { readonly from: number; readonly to: number }[]): number {
  return stretches.reduce((sum, { from, to }) => sum + to - from, 0) / 1_000;
}

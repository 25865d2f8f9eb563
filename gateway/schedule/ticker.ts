import { backoffMs } from '../../core/lib/backoff.ts';
import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import { sleep } from '../../core/lib/sleep.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { decideApart } from './decide-apart.ts';
import { batchSize } from './due-jobs.ts';
import type { JobUpserter } from './upsert.ts';

/** How often every replica looks for due jobs. */
export const tickEveryMs = 250;
/** This process and the database each work on one while the other works on the other. */
const batchesAtOnce = 2;

/** Looks for due jobs and decides them, for ever. */
export interface Ticker {
  readonly start: () => void;
  /** Waits for the tick that is under way. */
  readonly stop: () => Promise<void>;
  /** Milliseconds since due jobs were last looked for with success, or since the start. */
  readonly ageMs: () => number;
}

export interface TickerOptions {
  readonly database: Database;
  /** The Table in force. */
  readonly table: () => Table | undefined;
  readonly upserter: JobUpserter;
  /** False while this replica's snapshot is too old to decide anything. */
  readonly mayWork: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after runs were stored: a worker may take them. */
  readonly onStarted: () => void;
}

/**
 * Makes a Ticker. There is no leader: replicas share the due jobs by their row locks. It never gives up, so a database that
 * is gone for a while delays slots and loses none.
 */
export function createTicker(options: TickerOptions): Ticker {
  const { clock, log } = options;
  const stopping = new AbortController();
  let loop: Promise<void> | undefined;
  let lastTick = clock.monotonic();

  const run = async () => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      try {
        const looked = await tick(options, stopping.signal);
        if (failures > 0) log.info({ failures }, 'the schedule ticks again');
        failures = 0;
        if (looked) lastTick = clock.monotonic();
      } catch (error) {
        if (failures === 0) log.warn({ err: error }, 'a tick of the schedule failed; it goes on trying');
        failures += 1;
      }
      await sleep(failures === 0 ? tickEveryMs : backoffMs(failures - 1, tickEveryMs, 2_000), stopping.signal);
    }
  };

  return {
    start: () => {
      lastTick = clock.monotonic();
      loop ??= run();
    },
    stop: async () => {
      stopping.abort();
      await loop;
    },
    ageMs: () => clock.monotonic() - lastTick,
  };
}

/** False: it did not look, since it may not decide anything now. */
async function tick(options: TickerOptions, signal: AbortSignal): Promise<boolean> {
  const { database, upserter, mayWork, onStarted, log } = options;
  const table = options.table();
  if (table === undefined || !mayWork()) return false;
  if ((await upserter.sync(table)) > 0) onStarted();
  for (let due = await countDue(database, table.sequence); due > 0 && !signal.aborted; ) {
    const count = due > batchSize ? batchesAtOnce : 1;
    const batches = await Promise.all(Array.from({ length: count }, () => decideApart(database, table, log)));
    if (batches.some(({ started }) => started > 0)) onStarted();
    upserter.recheck(batches.flatMap(({ differing }) => differing));
    const full = batches.some(({ decided, differing }) => decided > 0 && decided + differing.length === batchSize);
    due = full ? await countDue(database, table.sequence) : 0;
  }
  return true;
}

/**
 * How many jobs are due that a snapshot of this sequence may decide, counted to one more than a batch: the one round trip
 * of a tick that finds nothing.
 */
export async function countDue(database: Database, sequence: number): Promise<number> {
  const { rows } = await database.prepared<{ due: number }>('count-due', countStatement, [sequence, batchSize + 1]);
  return rows[0]?.due ?? 0;
}

const countStatement = `
  select count(*)::integer as due
  from (
    select from cron_jobs where next_start <= (select talaria_now()) and gone_at is null and sequence <= $1 limit $2
  ) jobs`;

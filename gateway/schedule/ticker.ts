import { backoffMs } from '../../core/lib/backoff.ts';
import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import { sleep } from '../../core/lib/sleep.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { batchSize, decideDueJobs } from './due-jobs.ts';
import type { JobUpserter } from './upsert.ts';

/** How often every replica looks for due jobs. */
export const tickEveryMs = 250;

/** Looks for due jobs and decides them, for ever. */
export interface Ticker {
  readonly start: () => void;
  /** Waits for the tick that is under way. */
  readonly stop: () => Promise<void>;
  /** Milliseconds since the last tick that succeeded, or since the start. */
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
        await tick(options, stopping.signal);
        if (failures > 0) log.info({ failures }, 'the schedule ticks again');
        failures = 0;
        lastTick = clock.monotonic();
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

async function tick(options: TickerOptions, signal: AbortSignal): Promise<void> {
  const { database, upserter, mayWork, onStarted } = options;
  const table = options.table();
  if (table === undefined || !mayWork()) return;
  if ((await upserter.sync(table)) > 0) onStarted();
  for (let more = await isAnyDue(database, table.sequence); more && !signal.aborted; ) {
    const batch = await decideDueJobs(database, table);
    if (batch.started > 0) onStarted();
    if (batch.differing.length > 0) upserter.recheck(batch.differing);
    more = batch.decided + batch.differing.length === batchSize && batch.decided > 0;
  }
}

/** The one round trip of a tick that finds nothing. */
async function isAnyDue(database: Database, sequence: number): Promise<boolean> {
  const { rows } = await database.prepared<{ due: boolean }>('schedule-look', lookStatement, [sequence]);
  return rows[0]?.due === true;
}

const lookStatement = `
  select exists (
    select from cron_jobs where next_start <= talaria_now() and gone_at is null and sequence <= $1
  ) as due`;

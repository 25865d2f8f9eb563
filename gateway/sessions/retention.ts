import { newId } from '../../core/lib/id.ts';
import type { Logger } from '../../core/lib/log.ts';
import { quietly } from '../../core/lib/quietly.ts';
import { sleep } from '../../core/lib/sleep.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { holdLease } from '../schedule/named-lease.ts';
import { pruneSessions } from './prune-sessions.ts';

/** Deletes, as time goes by, what the Agents do not keep any longer. */
export interface Retention {
  readonly start: () => void;
  /** Waits for the batch that is under way. */
  readonly stop: () => Promise<void>;
}

export interface RetentionOptions {
  readonly database: Database;
  readonly table: () => Table | undefined;
  /** False while this replica's snapshot is too old to know what is kept. */
  readonly mayWork: () => boolean;
  readonly log: Logger;
  /** Default: a minute. */
  readonly everyMs?: number | undefined;
}

const lease = { name: 'retention', seconds: 120 };

/** Makes a Retention: one replica at a time looks, each minute. */
export function createRetention({ database, table, mayWork, log, everyMs = 60_000 }: RetentionOptions): Retention {
  const stopping = new AbortController();
  const self = newId();
  let loop: Promise<void> | undefined;
  const prune = async (): Promise<void> => {
    if (!(await holdLease(database, lease.name, self, lease.seconds))) return;
    for (let more = true; more && !stopping.signal.aborted && mayWork(); ) {
      more = await pruneSessions(database, [...(table()?.agents.values() ?? [])]);
    }
  };
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await sleep(everyMs, stopping.signal);
      if (!stopping.signal.aborted && mayWork()) await quietly(log, prune);
    }
  };
  return {
    start: () => {
      loop ??= run();
    },
    stop: async () => {
      stopping.abort();
      await loop;
    },
  };
}

import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import { quietly } from '../../core/lib/quietly.ts';
import { sleep } from '../../core/lib/sleep.ts';
import type { Database } from '../db/pool.ts';
import { openStatuses } from '../runs/run-status.ts';
import type { LeaseKeeper } from './lease.ts';
import { reapRuns } from './reap.ts';

const awaitLeaseMs = 50;
const reapEveryMs = 500;
/** After an outage of the database, results that wait to be stored come before their runs are given up. */
const reapAfterMs = 3_000;

export interface ReaperOptions {
  readonly database: Database;
  readonly lease: LeaseKeeper;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when runs were queued again. */
  readonly onResumed: () => void;
  /** Called with the sessions of runs that ended. */
  readonly onFreed: (sessions: readonly string[]) => void;
}

/**
 * Settles what an earlier process of this replica left as soon as this worker has its lease, and twice a second what any
 * dead worker left, once it has held its lease for a while.
 */
export async function reapUntil(stopping: AbortSignal, options: ReaperOptions): Promise<void> {
  const { database, lease, clock, log, onResumed, onFreed } = options;
  let held: { readonly id: string; readonly since: number } | undefined;
  const reap = async (workers?: readonly string[]) => {
    const { resumed, freed } = await reapRuns(database, log, workers);
    if (resumed > 0) onResumed();
    if (freed.length > 0) onFreed(freed);
  };
  while (!stopping.aborted) {
    await sleep(held === undefined ? awaitLeaseMs : reapEveryMs, stopping);
    const current = lease.current();
    if (current?.id !== held?.id) {
      held = current && { id: current.id, since: clock.monotonic() };
      const predecessors = current?.predecessors ?? [];
      if (predecessors.length > 0) await quietly(log, () => reap(predecessors));
    }
    if (held === undefined || clock.monotonic() - held.since < reapAfterMs) continue;
    await quietly(log, async () => {
      await reap();
      await database.prepared('reap-workers', forgetWorkersStatement);
    });
  }
}

/** A worker's row is kept while a run names it, so that a run without effects can tell. */
const forgetWorkersStatement = `
  delete from workers w
  where lease_until < talaria_now() - interval '1 minute'
    and not exists (
      select from runs r
      where r.worker = w.id and r.status in ${openStatuses})`;

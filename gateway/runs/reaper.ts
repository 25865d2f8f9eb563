import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import { sleep } from '../../core/lib/sleep.ts';
import type { Database } from '../db/pool.ts';
import type { LeaseKeeper } from './lease.ts';
import { quietly } from './quietly.ts';
import { reapRuns } from './reap.ts';

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
}

/** Settles twice a second what dead workers left, once this worker has held its own lease for a while. */
export async function reapUntil(stopping: AbortSignal, options: ReaperOptions): Promise<void> {
  const { database, lease, clock, log, onResumed } = options;
  let held: { readonly id: string; readonly since: number } | undefined;
  while (!stopping.aborted) {
    await sleep(reapEveryMs, stopping);
    const id = lease.current()?.id;
    if (id !== held?.id) held = id === undefined ? undefined : { id, since: clock.monotonic() };
    if (held === undefined || clock.monotonic() - held.since < reapAfterMs) continue;
    await quietly(log, async () => {
      if ((await reapRuns(database, log)) > 0) onResumed();
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
      where r.worker = w.id and r.status in ('queued', 'running', 'waiting_for_approval', 'stopping'))`;

import type { Database } from '../db/pool.ts';
import { activeStatuses } from '../runs/run-status.ts';

/**
 * Looks at the background runs that the database gives to this worker. `stopping`: those that are to stop. A run that the
 * worker is not at (`active` has what it is at) is an orphan, as when the answer to a claim was lost: it is given back, and
 * reaped like a run of a dead worker.
 */
export async function watchRuns(
  database: Database,
  worker: string,
  active: readonly string[],
): Promise<{ readonly stopping: readonly string[]; readonly orphans: number }> {
  const { rows } = await database.prepared<{ id: string; status: string; orphan: boolean }>('watch-runs', statement, [
    worker,
    active,
  ]);
  return {
    stopping: rows.flatMap(({ id, status }) => (status === 'stopping' ? [id] : [])),
    orphans: rows.filter(({ orphan }) => orphan).length,
  };
}

const statement = `
  with held as (
    select id, status, id <> all($2::uuid[]) as orphan from runs
    where worker = $1 and not foreground and status in ${activeStatuses}
  ),
  given_back as (
    update runs r set worker = null from held
    where r.id = held.id and held.orphan and r.worker = $1
      and r.status in ${activeStatuses}
  )
  select id, status, orphan from held`;

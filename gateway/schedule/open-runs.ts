import type { SqlClient } from '../db/pool.ts';
import { openStatuses } from '../runs/run-status.ts';
import type { OpenRuns } from './plan.ts';

const none: OpenRuns = { activeRuns: 0, queuedRuns: 0 };

/**
 * The runs of jobs that have not ended. To be asked after the rows of the jobs are locked, in a statement of its own: only
 * then does it see what the last holder of the lock started. A run that its dead worker leaves behind for good counts as
 * ended, whether or not it has been marked.
 */
export async function countOpenRuns(client: SqlClient, uids: readonly string[]): Promise<(uid: string) => OpenRuns> {
  const { rows } = await client.query<{ job_uid: string; active: string; queued: string }>(statement, [uids]);
  const counts = new Map(
    rows.map((row) => [row.job_uid, { activeRuns: Number(row.active), queuedRuns: Number(row.queued) }]),
  );
  return (uid) => counts.get(uid) ?? none;
}

const statement = `
  select r.job_uid, count(*) filter (where not r.backlog) as active, count(*) filter (where r.backlog) as queued
  from runs r
  where r.job_uid = any($1) and r.status in ${openStatuses}
    and (r.status = 'queued' or not r.effects_started
      or exists (select from workers w where w.id = r.worker and w.lease_until > talaria_now()))
  group by r.job_uid`;

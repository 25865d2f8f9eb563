import type { Database } from '../db/pool.ts';

/** How long a run may take to stop when its CronJob is deleted with `onDelete: Cancel`. */
const stopSeconds = 30;

/**
 * Marks jobs as gone, which only a snapshot at least as new as their rows may do. Their queued runs are cancelled; a running
 * one finishes or is asked to stop, as the job's `onDelete` said.
 */
export async function retireJobs(database: Database, uids: readonly string[], sequence: number): Promise<void> {
  if (uids.length === 0) return;
  await database.query(statement, [uids, sequence, stopSeconds]);
}

const statement = `
  with gone as (
    update cron_jobs
    set gone_at = talaria_now(), sequence = $2, next_start = null, next_slot = null
    where uid = any($1) and sequence <= $2 and gone_at is null
    returning uid, on_delete
  )
  update runs r
  set status = case when r.status = 'queued' then 'cancelled' else 'stopping' end,
      finished_at = case when r.status = 'queued' then talaria_now() end,
      stop_by = talaria_now() + make_interval(secs => $3),
      error_code = 'job_deleted', error_message = 'the CronJob was deleted'
  from gone
  where r.job_uid = gone.uid
    and (r.status = 'queued' or (gone.on_delete = 'Cancel' and r.status in ('running', 'waiting_for_approval')))`;

import type { Database } from '../db/pool.ts';
import { openStatuses } from '../runs/run-status.ts';
import type { JobRun, JobRunInput } from './job-run.ts';

/**
 * Takes up to `limit` queued runs of CronJobs for this worker, the oldest first. An exclusive run waits for every earlier
 * exclusive run of its job, and a run that a newer snapshot started for a replica that has it. `leaseExpired` is true when
 * the worker's lease is over, in which case nothing was taken.
 */
export async function claimJobRuns(
  database: Database,
  worker: string,
  sequence: number,
  limit: number,
): Promise<{ readonly runs: readonly JobRun[]; readonly leaseExpired: boolean }> {
  const { rows } = await database.prepared<ClaimedRow>('claim-job-runs', claimStatement, [worker, limit, sequence]);
  const runs = rows.flatMap((row) => (row.id === null ? [] : [toRun(row, row.id, worker)]));
  return { runs, leaseExpired: rows[0]?.alive === false };
}

/** One row at least: `alive` with no run when there is nothing to take. */
const claimStatement = `
  with alive as (
    select exists (select from workers where id = $1 and lease_until > talaria_now()) as alive
  ),
  candidates as (
    select r.id from runs r, alive
    where alive.alive and r.status = 'queued' and not r.foreground and r.trigger = 'cron' and r.start_after <= talaria_now() and r.sequence <= $3
      and not (r.exclusive and exists (
        select from runs earlier
        where earlier.job_uid = r.job_uid and earlier.id <> r.id and earlier.exclusive
          and earlier.status in ${openStatuses}
          -- Not or: with fresh statistics the planner then reads the index of all runs that ever waited.
          and case earlier.status when 'queued' then (earlier.slot, earlier.id) < (r.slot, r.id) else true end))
    order by r.start_after, r.id
    limit $2
    for update of r skip locked
  ),
  taken as (
    update runs r
    set status = 'running', worker = $1, attempt = attempt + 1, started_at = coalesce(started_at, talaria_now()),
      error_code = null, error_message = null
    from candidates where r.id = candidates.id
    returning r.id, r.agent, r.agent_uid, r.job_uid, r.slot, r.attempt, r.max_attempts, r.backlog, r.input
  ),
  -- Workers lock jobs in the order of their uid.
  held_jobs as (
    select uid from cron_jobs where uid in (select job_uid from taken) order by uid for update
  ),
  shown as (
    update cron_jobs set status_version = status_version + 1 where uid in (select uid from held_jobs)
  )
  select alive.alive, taken.* from alive left join taken on true order by taken.slot, taken.id`;

interface ClaimedRow {
  readonly alive: boolean;
  readonly id: string | null;
  readonly agent: string;
  readonly agent_uid: string;
  readonly job_uid: string;
  readonly slot: Date;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly backlog: boolean;
  readonly input: JobRunInput;
}

function toRun(row: ClaimedRow, id: string, worker: string): JobRun {
  return {
    id,
    agent: row.agent,
    agentUid: row.agent_uid,
    jobUid: row.job_uid,
    slot: row.slot,
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    worker,
    backlog: row.backlog,
    input: row.input,
  };
}

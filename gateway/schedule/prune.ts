import type { Database } from '../db/pool.ts';
import { endedStatuses } from '../runs/run-status.ts';

/** How long decisions and deliveries are kept. Totals stay, and so does how far a job is decided. */
const keptDays = 30;
const jobsAtOnce = 500;
const rowsAtOnce = 5_000;

/**
 * Deletes one batch of what is no longer kept: ended runs beyond the job's `runsHistoryLimit` with the sessions that were
 * theirs alone, but none that people are still to be told of, and after 30 days decided slots, gaps, deliveries that are
 * done, and jobs that are gone with all that was theirs. A slot is never started again for that: its job is decided beyond
 * it. A value of `talaria.dev/run-at` is remembered as long as its job. True when there may be more.
 */
export async function pruneOnce(database: Database): Promise<boolean> {
  const runs = await database.query<{ jobs: number }>(runsStatement, [jobsAtOnce, rowsAtOnce]);
  const old = await database.query<{ rows: number }>(oldStatement, [keptDays, rowsAtOnce]);
  return runs.rows[0]?.jobs === jobsAtOnce || (old.rows[0]?.rows ?? 0) >= rowsAtOnce;
}

const runsStatement = `
  with jobs as (
    select uid, history_limit, started_count from cron_jobs where started_count > pruned_count limit $1
  ),
  surplus as (
    select r.id, r.session_id
    from jobs cross join lateral (
      select id, session_id, status, untold_failures from runs where job_uid = jobs.uid order by created_at desc, id desc
      offset jobs.history_limit limit $2
    ) r
    where r.status in ${endedStatuses} and r.untold_failures is null
  ),
  runs_gone as (delete from runs where id in (select id from surplus)),
  sessions_gone as (
    delete from sessions
    where id in (select session_id from surplus) and platform = 'cron' and ended_at is not null
  ),
  seen_to as (
    update cron_jobs j set pruned_count = jobs.started_count from jobs where j.uid = jobs.uid
  )
  select count(*)::integer as jobs from jobs`;

const oldStatement = `
  with long_ago as (select talaria_now() - make_interval(days => $1) as time),
  gone as (
    delete from cron_jobs where uid in (
      select uid from cron_jobs, long_ago where gone_at < long_ago.time limit $2)
    returning uid
  ),
  statuses_gone as (delete from cron_job_statuses where job_uid in (select uid from gone)),
  totals_gone as (delete from missed_totals where job_uid in (select uid from gone)),
  runs_gone as (
    delete from runs
    where job_uid in (select uid from gone) and status in ${endedStatuses}
  ),
  sessions_gone as (delete from sessions where platform = 'cron' and principal in (select uid from gone)),
  slots_gone as (delete from occurrences where job_uid in (select uid from gone)),
  old_slots_gone as (
    delete from occurrences where ctid in (
      select ctid from occurrences, long_ago
      where decided_at < long_ago.time and key not like 'run-at:%' limit $2)
    returning 1
  ),
  gaps_gone as (
    delete from gaps where id in (
      select id from gaps, long_ago where to_time < long_ago.time and counted_to >= to_time limit $2)
  ),
  deliveries_gone as (
    delete from deliveries where id in (
      select id from deliveries, long_ago
      where created_at < long_ago.time and status not in ('pending', 'sending') limit $2)
    returning id
  )
  select greatest((select count(*) from deliveries_gone), (select count(*) from old_slots_gone))::integer as rows`;

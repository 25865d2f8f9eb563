import type { Table } from '../config/table.ts';
import type { SqlClient } from '../db/pool.ts';
import { type DecidedJob, replacingStart, toOutcomeRows } from './outcome-rows.ts';

/** How long a replaced run may take to stop before it is given up. */
const replaceSeconds = 30;

/**
 * Stores outcomes: occurrences, the runs that start, gaps and totals. An occurrence that is there already stays as it is
 * and starts nothing. Gives the number of runs that were started. Part of the caller's transaction, which holds the rows
 * of the jobs.
 */
export async function writeOutcomes(client: SqlClient, jobs: readonly DecidedJob[], table: Table): Promise<number> {
  const eventful = jobs.filter((job) => job.outcomes.length > 0 || job.recordedRunAt !== undefined);
  if (eventful.length === 0) return 0;
  await replaceRuns(client, eventful);
  const { occurrences, runs, gaps } = toOutcomeRows(eventful, table);
  const { rows } = await client.query<{ started: string }>(writeStatement, [
    JSON.stringify(occurrences),
    JSON.stringify(runs),
    JSON.stringify(gaps),
  ]);
  return Number(rows[0]?.started ?? 0);
}

/** Replace: what is queued is cancelled and what runs is asked to stop, before the new run is there. */
async function replaceRuns(client: SqlClient, jobs: readonly DecidedJob[]): Promise<void> {
  const uids = jobs.filter((job) => replacingStart(job) !== undefined).map((job) => job.entry.uid);
  if (uids.length > 0) await client.query(replaceStatement, [uids, replaceSeconds]);
}

const replaceStatement = `
  update runs
  set status = case when status = 'queued' then 'cancelled' else 'stopping' end,
      finished_at = case when status = 'queued' then talaria_now() end,
      stop_by = talaria_now() + make_interval(secs => $2),
      error_code = 'replaced', error_message = 'a later run of the CronJob took its place'
  where job_uid = any($1) and status in ('queued', 'running', 'waiting_for_approval')`;

/** The time is asked for once: as the default of a column it would be for every row. */
const writeStatement = `
  with clock as (select talaria_now() as now),
  decided as (
    insert into occurrences (job_uid, key, agent, slot, outcome, reason, run_id, decided_at)
    select o.job_uid, o.key, o.agent, o.slot, o.outcome, o.reason, o.run_id, clock.now
    from clock, jsonb_to_recordset($1) as o(job_uid text, key text, agent text, slot timestamptz, outcome text, reason text,
      run_id uuid)
    on conflict do nothing
    returning job_uid, key, agent, slot, outcome, reason, run_id
  ),
  started as (
    insert into runs (id, agent, agent_uid, agent_generation, sequence, trigger, principal, job_uid, occurrence, slot,
      status, error_code, finished_at, foreground, input, max_attempts, exclusive, backlog, start_after, created_at)
    select r.id, r.agent, r.agent_uid, r.agent_generation, r.sequence, 'cron', r.job_uid, r.job_uid, r.occurrence, r.slot,
      case when r.replaced then 'cancelled' else 'queued' end,
      case when r.replaced then 'replaced' end, case when r.replaced then clock.now end,
      false, r.input, r.max_attempts, r.exclusive, r.backlog, clock.now, clock.now
    from clock, jsonb_to_recordset($2) as r(id uuid, agent text, agent_uid text, agent_generation bigint, sequence bigint,
      job_uid text, occurrence text, slot timestamptz, replaced boolean, input jsonb, max_attempts integer,
      exclusive boolean, backlog boolean)
    where r.id in (select run_id from decided)
  ),
  long as (
    select * from jsonb_to_recordset($3) as g(id uuid, job_uid text, agent text, from_time timestamptz,
      to_time timestamptz, reason text, schedule text, anchor timestamptz, count bigint, counted_to timestamptz,
      last_slot timestamptz)
  ),
  gap as (
    insert into gaps (id, job_uid, agent, from_time, to_time, reason, schedule, anchor, count, counted_to, decided_at)
    select id, job_uid, agent, from_time, to_time, reason, schedule, anchor, count, counted_to, clock.now
    from long, clock
  ),
  missed as (
    select job_uid, agent, reason, 1 as count, slot from decided where outcome = 'Missed'
    union all
    select job_uid, agent, reason, count, last_slot from long
  ),
  totals as (
    insert into missed_totals (job_uid, reason, agent, count, last_slot)
    select job_uid, reason, max(agent), sum(count), max(slot) from missed group by job_uid, reason
    on conflict (job_uid, reason) do update
    set count = missed_totals.count + excluded.count, agent = excluded.agent,
        last_slot = greatest(missed_totals.last_slot, excluded.last_slot)
  ),
  shown as (
    update cron_jobs j
    set started_count = j.started_count + s.started, last_started = greatest(j.last_started, s.last_slot),
        last_run_at = coalesce(s.run_at, j.last_run_at), status_version = j.status_version + 1,
        status_urgent = j.status_urgent or s.asked_for or (s.missed and j.status_healthy in ('', 'Healthy'))
    from (
      select job_uid, count(*) filter (where outcome = 'Started') as started,
        max(slot) filter (where outcome = 'Started') as last_slot,
        bool_or(outcome = 'Missed' and reason <> 'Suspended') as missed,
        max(substr(key, 8)) filter (where key like 'run-at:%' and outcome <> 'Recorded') as run_at,
        bool_or(outcome <> 'Recorded' and (key like 'run-at:%' or key like 'now:%')) as asked_for
      from (
        select job_uid, outcome, reason, slot, key from decided
        union all
        select job_uid, 'Missed', reason, last_slot, '' from long
      ) changed
      group by job_uid
    ) s
    where j.uid = s.job_uid
  )
  select count(*) as started from decided where outcome = 'Started'`;

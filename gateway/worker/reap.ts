import type { Logger } from '../../core/lib/log.ts';
import type { Database } from '../db/pool.ts';
import { type AuditedRun, auditRun } from '../runs/audit-run.ts';
import { activeStatuses } from '../runs/run-status.ts';

/** How often a run may lose its worker before it is given up: it may be what kills the workers. */
const maxLostAttempts = 10;

/** What was settled. */
export interface Reaped {
  readonly resumed: number;
  readonly freed: readonly string[];
}

/**
 * Settles what dead workers left, or with `workers`, only what those left. A background run without effects is queued again
 * as its next attempt; every other one that had begun becomes `unknown`, which frees its session and its job and counts as
 * a failure of the job. A run that was asked to stop and did not in time becomes `unknown` too. A queued run of an open
 * request ends with the request's worker. Gives the number of runs that were queued again and the sessions of those that
 * ended.
 */
export async function reapRuns(database: Database, log: Logger, workers?: readonly string[]): Promise<Reaped> {
  const { rows } = await database.prepared<ReapedRow>('reap-runs', reapStatement, [maxLostAttempts, workers ?? null]);
  for (const { id, agent, trigger, principal, cronJob, status, code } of rows[0]?.ended ?? []) {
    auditRun(
      log,
      { id, agent, trigger, principal: principal || undefined, cronJob: cronJob ?? undefined },
      { status, code },
    );
  }
  const [resumed, unknown] = [Number(rows[0]?.resumed ?? 0), Number(rows[0]?.unknown ?? 0)];
  if (resumed + unknown > 0) log.warn({ resumed, unknown }, 'runs of dead workers were settled');
  return { resumed, freed: rows[0]?.freed ?? [] };
}

interface ReapedRow {
  readonly resumed: string;
  readonly unknown: string;
  readonly freed: string[] | null;
  readonly ended: readonly EndedRun[] | null;
}

interface EndedRun extends Pick<AuditedRun, 'id' | 'agent' | 'trigger'> {
  readonly principal: string;
  readonly cronJob: string | null;
  readonly status: string;
  readonly code: string;
}

/** As when a run fails: `suspendAfter` failures in a row pause the job, but none under an older spec. */
const pausesNow = `coalesce(f.failed > f.forgiven and j.gone_at is null and j.paused_reason is null
  and j.consecutive_failures + f.failed - j.failures_forgiven - f.forgiven >= f.suspend_after, false)`;

const reapStatement = `
  with ownerless as (
    select r.id, r.job_uid, r.status, r.foreground, r.effects_started, r.attempt, r.stop_by
    from runs r
    where (r.status in ${activeStatuses} or (r.status = 'queued' and r.foreground))
      and not exists (select from workers w where w.id = r.worker and w.lease_until > talaria_now())
      and ($2::uuid[] is null or r.worker = any($2))
    order by r.id limit 500 for update of r skip locked
  ),
  overdue as (
    select r.id, r.job_uid from runs r
    where r.status = 'stopping' and r.stop_by <= talaria_now() and r.id not in (select id from ownerless)
      and $2::uuid[] is null
    order by r.id limit 500 for update of r skip locked
  ),
  resumed as (
    update runs r set status = 'queued', worker = null, start_after = talaria_now()
    from ownerless o
    where r.id = o.id and o.status = 'running' and not o.foreground and not o.effects_started and o.attempt < $1
    returning r.id, r.job_uid
  ),
  -- Before the runs end, so that nobody counts failures meanwhile.
  held_jobs as (
    select uid, generation, consecutive_failures from cron_jobs
    where uid in (select job_uid from ownerless union all select job_uid from overdue) order by uid for update
  ),
  settled as (
    select o.id, o.job_uid, o.status,
      case when o.status = 'queued' or (o.status = 'stopping' and not o.effects_started)
        then 'cancelled' else 'unknown' end as becomes
    from (
      select id, job_uid, status, effects_started from ownerless where id not in (select id from resumed)
      union all
      select id, job_uid, 'running', true from overdue
    ) o
  ),
  numbered as (
    select s.id, s.status, s.becomes, h.consecutive_failures
      + count(*) filter (where s.becomes = 'unknown') over (partition by s.job_uid order by s.id) as failures
    from settled s left join held_jobs h on h.uid = s.job_uid
  ),
  ended as (
    update runs r
    set finished_at = talaria_now(), status = o.becomes,
        error_code = coalesce(r.error_code, case when o.status = 'queued' then 'run_interrupted' else 'run_unknown' end),
        error_message = coalesce(r.error_message, case when o.status = 'queued'
          then 'the worker of the run died before the run began'
          else 'the worker of the run died; whether the run had an effect is not known' end),
        -- One that was to stop anyway is no news.
        untold_failures = case when o.status <> 'stopping' and r.error_code is null then o.failures end
    from numbered o
    where r.id = o.id
    returning r.id, r.job_uid, r.status, r.session_id, r.principal, r.started_at, r.agent, r.trigger, r.error_code,
      r.input #>> '{job,name}' as job_name,
      (r.input #>> '{job,onFailure,suspendAfter}')::integer as suspend_after,
      (r.input #>> '{job,generation}')::bigint as generation
  ),
  failures as (
    select h.uid, count(*) filter (where status = 'unknown') as failed,
      count(*) filter (where status = 'unknown' and changed.generation < h.generation) as forgiven,
      min(suspend_after) filter (where changed.generation >= h.generation) as suspend_after
    from (
      select job_uid, status, suspend_after, generation from ended
      union all
      select job_uid, 'queued', null, null from resumed
    ) changed
    join held_jobs h on h.uid = changed.job_uid group by h.uid
  ),
  jobs as (
    update cron_jobs j
    set consecutive_failures = j.consecutive_failures + f.failed, failed_count = j.failed_count + f.failed,
        failures_forgiven = j.failures_forgiven + f.forgiven,
        paused_reason = case when ${pausesNow} then 'Failures' else j.paused_reason end,
        next_slot = case when ${pausesNow} then null else j.next_slot end, status_version = j.status_version + 1,
        status_urgent = j.status_urgent or ${pausesNow} or (f.failed > 0 and j.status_healthy <> 'RunFailed')
    from failures f where j.uid = f.uid
  )
  select array(select distinct session_id from ended where session_id is not null) as freed,
    (select jsonb_agg(jsonb_build_object('id', id, 'agent', agent, 'trigger', trigger, 'cronJob', job_name,
      'principal', case trigger when 'api' then principal else '' end, 'status', status, 'code', error_code)) from ended)
      as ended,
    -- What never began may be asked for again under its Idempotency-Key.
    (select count(release_idempotency_key(principal, id)) from ended where started_at is null) as released,
    (select count(*) from resumed) as resumed, (select count(*) from ended where status = 'unknown') as unknown`;

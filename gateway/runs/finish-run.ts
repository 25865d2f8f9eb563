import type { Usage } from '../agent/models/port.ts';
import type { Database } from '../db/pool.ts';
import type { OutboxRow } from '../delivery/outbox.ts';
import type { MessageItem } from '../sessions/items.ts';
import { storable, storableText } from '../sessions/storable.ts';
import type { JobRun } from './job-run.ts';

/** How a scheduled run ends, and what it sends. */
export type JobRunEnding =
  | {
      readonly status: 'completed';
      readonly text: string;
      readonly items: readonly MessageItem[];
      readonly usage: Usage;
      readonly model: string;
      readonly outbox: readonly OutboxRow[];
    }
  | {
      readonly status: 'failed';
      readonly code: string;
      readonly message: string;
      /** Sent when the job has failed `onFailure.afterConsecutive` times in a row. */
      readonly outbox: readonly OutboxRow[];
    }
  | { readonly status: 'cancelled' };

/**
 * Ends a run in one statement: result, what was said, outbox rows, and the job's failures, pause and status. Only the
 * worker and attempt that hold the run may end it; a run that was asked to stop ends as cancelled and sends nothing.
 * Gives the status that the run has now, also when an earlier call did it whose answer was lost; or `lost`: then the result
 * is kept with the run, if it has none, and never sent.
 */
export async function finishRun(
  database: Database,
  run: JobRun,
  ending: JobRunEnding,
): Promise<'completed' | 'failed' | 'cancelled' | 'lost'> {
  const done = ending.status === 'completed' ? ending : undefined;
  const failed = ending.status === 'failed' ? ending : undefined;
  const { onFailure, session } = run.input.job;
  const text = done === undefined ? null : storableText(done.text);
  const { rows } = await database.prepared<{ status: 'completed' | 'failed' | 'cancelled' }>(
    'finish-run',
    finishStatement,
    [
      run.id,
      run.worker,
      run.attempt,
      ending.status,
      text,
      done === undefined ? null : JSON.stringify(done.usage),
      done?.model ?? null,
      failed?.code ?? null,
      failed === undefined ? null : storableText(failed.message),
      JSON.stringify(done === undefined ? [] : storable(done.items)),
      JSON.stringify(ending.status === 'cancelled' ? [] : storable(ending.outbox)),
      onFailure.afterConsecutive,
      onFailure.suspendAfter ?? null,
      session.type === 'Isolated',
    ],
  );
  const status = rows[0]?.status;
  if (status === undefined && text !== null) await database.query(keepLateResult, [run.id, text]);
  return status ?? 'lost';
}

const keepLateResult = `update runs set output_text = $2 where id = $1 and status = 'unknown' and output_text is null`;

/** `suspendAfter` failures in a row pause the job; without a bound the comparison is null. */
const pausesNow = `coalesce(e.status = 'failed' and j.gone_at is null and j.paused_reason is null
  and j.consecutive_failures + 1 >= $13::integer, false)`;

const finishStatement = `
  with held as (
    select id, status from runs
    where id = $1 and worker = $2 and attempt = $3 and status in ('running', 'waiting_for_approval', 'stopping')
    for update
  ),
  ended as (
    update runs r
    set status = case when held.status = 'stopping' then 'cancelled' else $4 end, output_text = $5, usage = $6,
        model = $7, finished_at = talaria_now(),
        error_code = case when held.status = 'stopping' then r.error_code else $8 end,
        error_message = case when held.status = 'stopping' then r.error_message else $9 end
    from held where r.id = held.id
    returning r.id, r.job_uid, r.occurrence, r.status, r.session_id, r.agent, r.agent_uid, r.slot
  ),
  job as (
    update cron_jobs j
    set consecutive_failures = case e.status when 'completed' then 0 when 'failed' then j.consecutive_failures + 1
          else j.consecutive_failures end,
        last_succeeded = case when e.status = 'completed' then greatest(j.last_succeeded, e.slot)
          else j.last_succeeded end,
        paused_reason = case when ${pausesNow} then 'Failures' else j.paused_reason end,
        next_start = case when ${pausesNow} then null else j.next_start end,
        next_slot = case when ${pausesNow} then null else j.next_slot end,
        status_version = j.status_version + 1,
        status_urgent = j.status_urgent or ${pausesNow} or e.occurrence like 'run-at:%'
          or (e.status = 'completed' and j.last_succeeded is null)
          or (e.status = 'completed' and j.status_healthy <> 'Healthy')
          or (e.status = 'failed' and j.status_healthy <> 'RunFailed')
    from ended e where j.uid = e.job_uid
    returning j.consecutive_failures
  ),
  session as (
    update sessions s
    set last_seq = s.last_seq + jsonb_array_length(new.items), last_active_at = talaria_now(),
        ended_at = case when $14 then talaria_now() end
    from ended e, lateral (select case e.status when 'completed' then $10::jsonb else '[]' end as items) new
    where s.id = e.session_id
    returning s.id, s.agent, s.last_seq - jsonb_array_length(new.items) as before, new.items
  ),
  said as (
    insert into items (session_id, seq, agent, run_id, type, data)
    select session.id, session.before + item.ordinality, session.agent, $1, item.value ->> 'type', item.value
    from session, jsonb_array_elements(session.items) with ordinality as item
  ),
  outbox as (
    insert into deliveries (id, run_id, agent, agent_uid, job_uid, target, part, parts, line, kind, destination, data,
      status, last_error, expires_at)
    select d.id, e.id, e.agent, e.agent_uid, e.job_uid, d.target, d.part, d.parts, d.line, d.kind, d.destination, d.data,
      d.status, d.last_error, talaria_now() + make_interval(secs => d.expire_after_seconds)
    from ended e
    cross join jsonb_to_recordset($11) as d(id uuid, target text, part integer, parts integer, line text, kind text,
      destination jsonb, data jsonb, status text, last_error text, expire_after_seconds integer)
    left join job on true
    where e.status = 'completed' or (e.status = 'failed' and coalesce(job.consecutive_failures, $12) >= $12)
    on conflict (run_id, target, part) do nothing
  )
  select status from ended
  union all
  select status from runs
  where id = $1 and worker = $2 and attempt = $3 and status in ('completed', 'failed', 'cancelled')`;

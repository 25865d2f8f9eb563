import { setTimeout as delay } from 'node:timers/promises';
import { createBatcher } from '../../core/lib/batcher.ts';
import { TalariaError } from '../../core/lib/errors.ts';
import type { Usage } from '../agent/models/port.ts';
import type { Database } from '../db/pool.ts';
import type { OutboxRow } from '../delivery/outbox.ts';
import { activeStatuses } from '../runs/run-status.ts';
import type { Item } from '../sessions/items.ts';
import { storable, storableText } from '../sessions/storable.ts';
import type { JobRun } from './job-run.ts';

/** How a scheduled run ends, and what it sends. */
export type JobRunEnding =
  | {
      readonly status: 'completed';
      readonly text: string;
      readonly items: readonly Item[];
      readonly usage: Usage;
      readonly model: string;
      readonly outbox: readonly OutboxRow[];
    }
  | {
      readonly status: 'failed';
      readonly code: string;
      readonly message: string;
      /** Of a run that failed although its turn did not. */
      readonly turn?: { readonly items: readonly Item[]; readonly usage: Usage; readonly model: string };
      /** Sent when the job has failed `onFailure.afterConsecutive` times in a row. */
      readonly outbox: readonly OutboxRow[];
    }
  | { readonly status: 'cancelled' };

/** `lost`: the run was taken from its worker, and nothing of it is sent. */
export type FinishedAs = 'completed' | 'failed' | 'cancelled' | 'lost';

/**
 * Ends a run: result, what was said, outbox rows, and the job's failures, pause and status, all or nothing. Only the worker
 * and attempt that hold the run may end it; a run that was asked to stop ends as cancelled and sends nothing. Gives the
 * status that the run has now, also when an earlier call did it whose answer was lost; or `lost`: then the result is kept
 * with the run, if it has none, and never sent.
 */
export type FinishRun = (run: JobRun, ending: JobRunEnding) => Promise<FinishedAs>;

/** Makes FinishRun. Runs that end at once are ended together, in one statement. */
export function createRunFinisher(database: Database): FinishRun {
  const finish = createBatcher({
    work: (ended: readonly Ended[]) => finishAll(database, ended),
    maxItems: 32,
    maxSize: 1024 * 1024,
    sizeOf,
    concurrency: 2,
    // The failures of a job are counted once for each run, which takes a statement for each.
    keyOf: ({ run }) => run.jobUid,
    shouldRetryAlone: (error) => !(error instanceof TalariaError && error.code === 'state_unavailable'),
  });
  return async (run, ending) => {
    const status = await untilFree(() => finish({ run, ending }));
    if (status === 'lost' && ending.status === 'completed') {
      await database.query(keepLateResult, [run.id, storableText(ending.text)]);
    }
    return status;
  };
}

/** About how much text it stores: a large one goes alone. */
function sizeOf({ ending }: Ended): number {
  if (ending.status === 'cancelled') return 0;
  const text = ending.status === 'completed' ? 2 * ending.text.length : 0;
  return ending.outbox.reduce((sum, { data }) => sum + data.data.text.length, text);
}

/** Tried again for a second, then left to the caller, as when the database cannot be used. */
async function untilFree(finish: () => Promise<Finished>): Promise<FinishedAs> {
  for (let attempt = 0; attempt < triesOfBusy; attempt += 1) {
    const status = await finish();
    if (status !== 'busy') return status;
    await delay(busyMs);
  }
  throw new TalariaError('state_unavailable', 'the row of the run or of its CronJob is locked by somebody else');
}

const busyMs = 50;
const triesOfBusy = 20;

/** `busy`: somebody else holds the row of the run or of its job at this moment, and nothing was done. */
type Finished = FinishedAs | 'busy';

interface Ended {
  readonly run: JobRun;
  readonly ending: JobRunEnding;
}

async function finishAll(database: Database, ended: readonly Ended[]): Promise<readonly Finished[]> {
  const { rows } = await database.prepared<{ id: string; status: Finished }>('finish-runs', finishStatement, [
    JSON.stringify(ended.map(toRow)),
  ]);
  const statuses = new Map(rows.map(({ id, status }) => [id, status]));
  return ended.map(({ run }) => statuses.get(run.id) ?? 'lost');
}

function toRow({ run, ending }: Ended) {
  const done = ending.status === 'completed' ? ending : undefined;
  const failed = ending.status === 'failed' ? ending : undefined;
  const turn = done ?? failed?.turn;
  const { onFailure, session } = run.input.job;
  return {
    id: run.id,
    worker: run.worker,
    attempt: run.attempt,
    status: ending.status,
    text: done === undefined ? null : storableText(done.text),
    usage: turn?.usage ?? null,
    model: turn === undefined ? null : storableText(turn.model),
    error_code: failed?.code ?? null,
    error_message: failed === undefined ? null : storableText(failed.message),
    items: turn === undefined ? [] : storable(turn.items),
    outbox: ending.status === 'cancelled' ? [] : storable(ending.outbox),
    after_consecutive: onFailure.afterConsecutive,
    suspend_after: onFailure.suspendAfter ?? null,
    generation: run.input.job.generation,
    isolated: session.type === 'Isolated',
  };
}

const keepLateResult = `update runs set output_text = $2 where id = $1 and status = 'unknown' and output_text is null`;

/**
 * `suspendAfter` failures in a row pause the job; without a bound the comparison is null. A failure under an older spec
 * says nothing of the one in force. `next_start` stays: the ticker may have to look for a run that was asked for, and finds
 * the pause when it does.
 */
const pausesNow = `coalesce(e.status = 'failed' and e.generation >= j.generation and j.gone_at is null
  and j.paused_reason is null and j.consecutive_failures + 1 - j.failures_forgiven >= e.suspend_after, false)`;

/** Never waits for a row: one that is locked holds up no other run of the batch, and no two transactions wait in a ring. */
const finishStatement = `
  with input as (
    select * from jsonb_to_recordset($1) as i(id uuid, worker uuid, attempt integer, status text, text text, usage jsonb,
      model text, error_code text, error_message text, items jsonb, outbox jsonb, after_consecutive integer,
      suspend_after integer, generation bigint, isolated boolean)
  ),
  open as (
    select r.id, r.job_uid from runs r join input i on i.id = r.id
    where r.worker = i.worker and r.attempt = i.attempt and r.status in ${activeStatuses}
  ),
  held_jobs as (
    select j.uid from cron_jobs j where j.uid in (select job_uid from open) for update skip locked
  ),
  held as (
    select r.id, r.status from runs r join input i on i.id = r.id
    where r.worker = i.worker and r.attempt = i.attempt and r.status in ${activeStatuses}
      and (r.job_uid in (select uid from held_jobs) or not exists (select from cron_jobs j where j.uid = r.job_uid))
    for update of r skip locked
  ),
  ended as (
    update runs r
    set status = case when held.status = 'stopping' then 'cancelled' else i.status end, output_text = i.text,
        usage = i.usage, model = i.model, finished_at = talaria_now(),
        error_code = case when held.status = 'stopping' then r.error_code else i.error_code end,
        error_message = case when held.status = 'stopping' then r.error_message else i.error_message end
    from held join input i using (id)
    where r.id = held.id
    returning r.id, r.job_uid, r.occurrence, r.status, r.session_id, r.agent, r.agent_uid, r.slot,
      i.outbox, i.after_consecutive, i.suspend_after, i.generation, i.isolated,
      case r.status when 'cancelled' then '[]' else i.items end as items
  ),
  job as (
    update cron_jobs j
    set consecutive_failures = case e.status when 'completed' then 0 when 'failed' then j.consecutive_failures + 1
          else j.consecutive_failures end,
        failures_forgiven = case when e.status = 'completed' then 0
          else j.failures_forgiven + (e.status = 'failed' and e.generation < j.generation)::integer end,
        failed_count = j.failed_count + (e.status = 'failed')::integer,
        last_succeeded = case when e.status = 'completed' then greatest(j.last_succeeded, e.slot)
          else j.last_succeeded end,
        paused_reason = case when ${pausesNow} then 'Failures' else j.paused_reason end,
        next_slot = case when ${pausesNow} then null else j.next_slot end,
        status_version = j.status_version + 1,
        status_urgent = j.status_urgent or ${pausesNow} or e.occurrence like 'run-at:%' or e.occurrence like 'now:%'
          or (e.status = 'completed' and j.last_succeeded is null)
          or (e.status = 'completed' and j.status_healthy <> 'Healthy')
          or (e.status = 'failed' and j.status_healthy <> 'RunFailed')
    from ended e where j.uid = e.job_uid
    returning j.uid, j.consecutive_failures
  ),
  session as (
    update sessions s
    set last_seq = s.last_seq + jsonb_array_length(e.items), last_active_at = talaria_now(),
        ended_at = case when e.isolated then talaria_now() end
    from ended e where s.id = e.session_id
    returning s.id, s.agent, s.last_seq - jsonb_array_length(e.items) as before, e.items, e.id as run_id
  ),
  said as (
    insert into items (session_id, seq, agent, run_id, type, data)
    select session.id, session.before + item.ordinality, session.agent, session.run_id, item.value ->> 'type', item.value
    from session, jsonb_array_elements(session.items) with ordinality as item
  ),
  outbox as (
    insert into deliveries (id, run_id, agent, agent_uid, job_uid, target, part, parts, line, kind, destination, data,
      status, last_error, sequence, expires_at)
    select d.id, e.id, e.agent, e.agent_uid, e.job_uid, d.target, d.part, d.parts, d.line, d.kind, d.destination, d.data,
      d.status, d.last_error, d.sequence, talaria_now() + make_interval(secs => d.expire_after_seconds)
    from ended e
    cross join lateral jsonb_to_recordset(e.outbox) as d(id uuid, target text, part integer, parts integer, line text,
      kind text, destination jsonb, data jsonb, status text, last_error text, sequence bigint,
      expire_after_seconds integer)
    left join job on job.uid = e.job_uid
    where e.status = 'completed'
      or (e.status = 'failed' and coalesce(job.consecutive_failures, e.after_consecutive) >= e.after_consecutive)
    order by e.id, d.target, d.part
    on conflict (run_id, target, part) do nothing
  )
  select id, status from ended
  union all
  select id, 'busy' from open where id not in (select id from held)
  union all
  select r.id, r.status from runs r join input i on i.id = r.id
  where r.worker = i.worker and r.attempt = i.attempt and r.status in ('completed', 'failed', 'cancelled')`;

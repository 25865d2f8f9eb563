import type { Principal } from '../../core/route/principal.ts';
import type { Hints } from '../db/hints.ts';
import { callableAgents } from '../db/owned-by.ts';
import type { Database } from '../db/pool.ts';
import { openStatuses } from './run-status.ts';

/**
 * Asks an open run of whatever trigger to stop, of an agent that the admin may call, and tells its worker: one that waited
 * is cancelled at once, one at work ends shortly, and one that has not ended a minute later becomes `unknown`. False when
 * there is no such run or it has ended.
 */
export async function stopAnyRun(
  database: Database,
  hints: Pick<Hints, 'tell'>,
  admin: Pick<Principal, 'agents'>,
  run: string,
): Promise<boolean> {
  const { rows } = await database.prepared<StoppedRow>('stop-any-run', stopStatement, [run, callableAgents(admin)]);
  const stopped = rows[0];
  if (stopped === undefined) return false;
  hints.tell('run', run);
  // Who waits in the session's queue may be the one that was cancelled, or the next.
  if (stopped.session_id !== null) hints.tell('session', stopped.session_id);
  if (stopped.job_uid !== null) {
    await database.prepared('show-stopped-run', showStatement, [stopped.job_uid]);
    hints.tell('queue', '');
  }
  return true;
}

interface StoppedRow {
  readonly session_id: string | null;
  readonly job_uid: string | null;
}

/** A run that stops already keeps its time. An Idempotency-Key of a run that never started is free again. */
const stopStatement = `
  with open as (
    select id, status from runs
    where id = $1 and ($2::text[] is null or agent = any($2))
      and status in ${openStatuses}
    for update
  ),
  stopped as (
    update runs r
    set status = case when open.status = 'queued' then 'cancelled' else 'stopping' end,
      finished_at = case when open.status = 'queued' then talaria_now() end,
      stop_by = coalesce(r.stop_by, talaria_now() + interval '1 minute'),
      error_code = coalesce(r.error_code, 'run_interrupted'),
      error_message = coalesce(r.error_message, 'an admin asked it to stop')
    from open where r.id = open.id
    returning r.id, r.status, r.principal, r.session_id, r.job_uid
  )
  select session_id, job_uid,
    case when status = 'cancelled' then release_idempotency_key(principal, id) end as released
  from stopped`;

/** Apart from the stop, so that no transaction holds a run while it waits for its job, which others lock first. */
const showStatement = `
  update cron_jobs set status_version = status_version + 1, status_urgent = true where uid = $1`;

import type { Principal } from '../../core/route/principal.ts';
import type { Hints } from '../db/hints.ts';
import { callableAgents, ownedBy } from '../db/owned-by.ts';
import type { Database } from '../db/pool.ts';
import { openStatuses } from './run-status.ts';

/** The reason of a run's signal when the run itself is to stop, as opposed to its worker. `message` is for its client. */
export class RunStopped extends Error {
  override readonly name = 'RunStopped';
}

/** What is to stop: one run, or every open run of a session. Ids are UUIDs. */
export type StopTarget = { readonly run: string } | { readonly session: string };

/** Whose runs may be stopped: those of a principal ('' for chats), of the agents that it may call. */
export type StopOwner = Pick<Principal, 'id' | 'agents'>;

/** An open run that was asked to stop: one that waited is cancelled already, one that ran ends shortly. */
export interface StoppedRun {
  readonly id: string;
  readonly status: 'cancelled' | 'stopping';
}

/**
 * Asks open runs to stop and tells their workers, on whatever replica. A run that has not ended a minute later becomes
 * `unknown`. Gives the runs that were open; none when there is no such run, or it has ended.
 */
export async function requestStop(
  database: Database,
  hints: Pick<Hints, 'tell'>,
  target: StopTarget,
  owner: StopOwner,
): Promise<readonly StoppedRun[]> {
  const { rows } = await database.prepared<StoppedRow>('request-stop', stopStatement, [
    'run' in target ? target.run : null,
    'session' in target ? target.session : null,
    owner.id,
    callableAgents(owner),
  ]);
  for (const { id, session_id: session } of rows) {
    hints.tell('run', id);
    // Who waits in the session's queue may be the one that was cancelled, or the next.
    if (session !== null) hints.tell('session', session);
  }
  return rows.map(({ id, status }) => ({ id, status }));
}

interface StoppedRow extends StoppedRun {
  readonly session_id: string | null;
}

/** A run that stops already keeps its time. An Idempotency-Key of a run that never started is free again. */
const stopStatement = `
  with open as (
    select id, status from runs
    where (id = $1 or session_id = $2) and ${ownedBy('$3', '$4')}
      and trigger in ('api', 'chat') and status in ${openStatuses}
    order by id for update
  ),
  stopped as (
    update runs r
    set status = case when open.status = 'queued' then 'cancelled' else 'stopping' end,
      finished_at = case when open.status = 'queued' then talaria_now() end,
      stop_by = coalesce(r.stop_by, talaria_now() + interval '1 minute'),
      error_code = coalesce(r.error_code, 'run_interrupted'),
      error_message = coalesce(r.error_message, 'it was asked to stop')
    from open where r.id = open.id
    returning r.id, r.status, r.principal, r.session_id
  )
  select id, status, session_id,
    case when status = 'cancelled' then release_idempotency_key(principal, id) end as released
  from stopped`;

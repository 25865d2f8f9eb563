import type { Principal } from '../../core/route/principal.ts';
import type { Hints } from '../db/hints.ts';
import type { Database } from '../db/pool.ts';
import { agentsOf, type RunStatus } from './read-run.ts';

/** Which run is to stop: one of a principal, or the active one of a chat's session. Ids are UUIDs. */
export type StopTarget =
  | { readonly run: string; readonly principal: Principal }
  | { readonly session: string; readonly agent: string };

/**
 * Asks a run to stop: one that waits is cancelled at once, one that is active ends within a minute, on whichever replica it
 * is. Gives the run and its status now; undefined when there is no such run, or it has ended.
 */
export async function requestStop(
  { database, hints }: { readonly database: Database; readonly hints: Pick<Hints, 'tell'> },
  target: StopTarget,
): Promise<{ readonly id: string; readonly status: RunStatus } | undefined> {
  const { rows } = await ('run' in target
    ? database.prepared<Stopped>('stop-run', stopStatement(ofPrincipal), [
        target.run,
        target.principal.id,
        agentsOf(target.principal),
      ])
    : database.prepared<Stopped>('stop-session', stopStatement(ofSession), [target.session, target.agent]));
  for (const { id, session_id } of rows) {
    hints.tell('run', id);
    if (session_id !== null) hints.tell('session', session_id);
  }
  return rows[0];
}

interface Stopped {
  readonly id: string;
  readonly status: RunStatus;
  readonly session_id: string | null;
}

const ofPrincipal = `id = $1 and principal = $2 and trigger = 'api' and ($3::text[] is null or agent = any($3))
  and status in ('queued', 'running', 'waiting_for_approval', 'stopping')`;
const ofSession = `session_id = $1 and agent = $2 and status in ('running', 'waiting_for_approval', 'stopping')`;

function stopStatement(which: string): string {
  return `
    update runs
    set status = case status when 'queued' then 'cancelled' else 'stopping' end,
      finished_at = case status when 'queued' then talaria_now() end,
      stop_by = coalesce(stop_by, talaria_now() + interval '1 minute'),
      error_code = coalesce(error_code, 'run_interrupted'),
      error_message = coalesce(error_message, 'the run was asked to stop')
    where ${which}
    returning id, status, session_id`;
}

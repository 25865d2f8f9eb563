import type { Database } from '../db/pool.ts';
import { isUniqueViolation } from '../db/unique-violation.ts';
import { activeStatuses } from '../runs/run-status.ts';
import { isItem } from '../sessions/items.ts';
import type { StoredContent } from '../turns/begin-turn.ts';
import type { TurnContent } from '../turns/turn-request.ts';

/** A run of the API that this worker holds. `attempt` and `worker` fence every write that it makes. Ids are UUIDs. */
export interface ApiRun {
  readonly id: string;
  readonly agent: string;
  readonly agentUid: string;
  readonly principal: string;
  readonly session: string | undefined;
  readonly worker: string;
  readonly attempt: number;
  readonly content: TurnContent;
  readonly limits: StoredContent['limits'];
  /** Where the request that asked for it is in a trace, as `traceparent`. */
  readonly trace?: string | undefined;
}

/**
 * Takes up to `limit` queued runs of the API for this worker, the oldest first: those whose session is free and in which
 * none has waited longer, of snapshots that this replica has. `leaseExpired` is true when the worker's lease is over, in
 * which case nothing was taken.
 */
export async function claimApiRuns(
  database: Database,
  worker: string,
  sequence: number,
  limit: number,
): Promise<{ readonly runs: readonly ApiRun[]; readonly leaseExpired: boolean }> {
  const { rows } = await database
    .prepared<ClaimedRow>('claim-api-runs', claimStatement, [worker, limit, sequence])
    .catch(noneWhenTaken);
  const runs = rows.flatMap((row) => (row.id === null ? [] : [toApiRun(row, row.id, worker)]));
  return { runs, leaseExpired: rows[0]?.alive === false };
}

/** One row at least: `alive` with no run when there is nothing to take. */
const claimStatement = `
  with alive as (
    select exists (select from workers where id = $1 and lease_until > talaria_now()) as alive
  ),
  candidates as (
    select r.id, r.session_id from runs r, alive
    where alive.alive and r.status = 'queued' and not r.foreground and r.trigger <> 'cron'
      and r.start_after <= talaria_now() and r.sequence <= $3
      and not exists (
        select from runs other
        where other.session_id = r.session_id and other.status in ${activeStatuses})
      and not exists (
        select from runs earlier
        where earlier.session_id = r.session_id and earlier.status = 'queued'
          and (earlier.created_at, earlier.id) < (r.created_at, r.id))
    order by r.start_after, r.id
    limit $2
    for update of r skip locked
  ),
  -- Who begins a turn locks the session first and then waits for runs, so this may not wait for the session.
  held_sessions as (
    select id from sessions where id in (select session_id from candidates) for update skip locked
  ),
  taken as (
    update runs r
    set status = 'running', worker = $1, attempt = attempt + 1, started_at = coalesce(started_at, talaria_now())
    from candidates c
    where r.id = c.id and (c.session_id is null or c.session_id in (select id from held_sessions))
    returning r.id, r.agent, r.agent_uid, r.principal, r.session_id, r.attempt, r.input
  )
  select alive.alive, taken.* from alive left join taken on true order by taken.id`;

interface ClaimedRow {
  readonly alive: boolean;
  readonly id: string | null;
  readonly agent: string;
  readonly agent_uid: string;
  readonly principal: string;
  readonly session_id: string | null;
  readonly attempt: number;
  readonly input: StoredContent;
}

/** Another turn of a session began in the same moment: the next look finds it. */
function noneWhenTaken(error: unknown): { readonly rows: readonly ClaimedRow[] } {
  if (isUniqueViolation(error)) return { rows: [] };
  throw error;
}

function toApiRun(row: ClaimedRow, id: string, worker: string): ApiRun {
  const { items, context, instructions, tools = [], parameters = {}, deliver, limits, trace } = row.input;
  return {
    id,
    agent: row.agent,
    agentUid: row.agent_uid,
    principal: row.principal,
    session: row.session_id ?? undefined,
    worker,
    attempt: row.attempt,
    content: {
      input: items.filter(isItem),
      context: context?.filter(isItem),
      instructions,
      tools,
      parameters,
      deliver,
    },
    limits,
    trace,
  };
}

import type { Principal } from '../../core/route/principal.ts';
import { callableAgents, ownedBy } from '../db/owned-by.ts';
import type { Database } from '../db/pool.ts';
import { type RunRow, runColumns, type StoredRun, toStoredRun } from '../runs/read-run.ts';

/** A response as it is stored. Ids are UUIDs. */
export interface StoredResponse {
  readonly id: string;
  readonly previous: string | undefined;
  /** The fields of the request that the response repeats, as they were given to NewResponse. */
  readonly request: object;
  /** What made it, with its input and output. */
  readonly run: StoredRun;
}

/** This principal's response, while its agent is one that the principal may call; undefined for every other and a deleted one. */
export async function readResponse(
  database: Database,
  principal: Principal,
  id: string,
): Promise<StoredResponse | undefined> {
  const { rows } = await database.prepared<RunRow & ResponseColumns>(
    'read-response',
    `select p.previous_id, p.request, run.*
     from responses p cross join lateral (select ${runColumns} from runs where id = p.run_id and agent = p.agent) run
     where p.id = $1 and p.deleted_at is null and ${ownedBy('$2', '$3', 'p')}`,
    [id, principal.id, callableAgents(principal)],
  );
  const row = rows[0];
  return row && { id, previous: row.previous_id ?? undefined, request: row.request, run: toStoredRun(row) };
}

/** Hides this principal's response; what later ones of its chain need stays. False: there is none, or it was deleted before. */
export async function deleteResponse(database: Database, principal: Principal, id: string): Promise<boolean> {
  const { rowCount } = await database.prepared(
    'delete-response',
    `update responses set deleted_at = talaria_now()
     where id = $1 and deleted_at is null and ${ownedBy('$2', '$3')}`,
    [id, principal.id, callableAgents(principal)],
  );
  return rowCount === 1;
}

interface ResponseColumns {
  readonly previous_id: string | null;
  readonly request: object;
}

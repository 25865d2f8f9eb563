import type { Principal } from '../../core/route/principal.ts';
import { callableAgents, ownedBy } from '../db/owned-by.ts';
import type { Database } from '../db/pool.ts';
import { type RunRow, runColumns, type StoredRun, toStoredRun } from './read-run.ts';
import type { RunStatus } from './run-status.ts';

export interface RunFilter {
  readonly agent?: string | undefined;
  readonly status?: RunStatus | undefined;
  /** UUID of a session. */
  readonly session?: string | undefined;
  /** UUID of the run after which the page begins. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** This principal's runs, the newest first: a page of at most `limit`, and whether there are more. */
export async function listRuns(
  database: Database,
  principal: Principal,
  filter: RunFilter,
): Promise<{ readonly runs: readonly StoredRun[]; readonly hasMore: boolean }> {
  const { rows } = await database.prepared<RunRow>('list-runs', listStatement, [
    principal.id,
    callableAgents(principal),
    filter.agent ?? null,
    filter.status ?? null,
    filter.session ?? null,
    filter.after ?? null,
    filter.limit + 1,
  ]);
  return { runs: rows.slice(0, filter.limit).map(toStoredRun), hasMore: rows.length > filter.limit };
}

const listStatement = `
  select ${runColumns} from runs
  where trigger = 'api' and ${ownedBy('$1', '$2')}
    and ($3::text is null or agent = $3) and ($4::text is null or status = $4)
    and ($5::uuid is null or session_id = $5)
    and ($6::uuid is null or (created_at, id) < (
      select created_at, id from runs where id = $6 and ${ownedBy('$1', '$2')}))
  order by created_at desc, id desc
  limit $7`;

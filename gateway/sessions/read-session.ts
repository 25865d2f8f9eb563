import type { Principal } from '../../core/route/principal.ts';
import { callableAgents, ownedBy } from '../db/owned-by.ts';
import type { SqlClient } from '../db/pool.ts';

/** A session of the API as it is stored. Ids are UUIDs. */
export interface StoredSession {
  readonly id: string;
  readonly agent: string;
  /** The client's own name for it; '' for none. */
  readonly name: string;
  readonly title: string;
  /** The session that it was forked from. */
  readonly parent: string | undefined;
  readonly createdAt: Date;
  readonly lastActiveAt: Date;
  /** Absent while it is live. */
  readonly endedAt: Date | undefined;
}

/** Which sessions are listed; '' stands for any. */
export interface SessionFilter {
  readonly agent: string;
  readonly name: string;
}

/** This principal's session, live or ended, while its agent is one that the principal may call; undefined for every other. */
export async function readSession(
  database: SqlClient,
  principal: Principal,
  id: string,
): Promise<StoredSession | undefined> {
  const { rows } = await database.query<SessionRow>(
    `select ${sessionColumns} from sessions where id = $1 and platform = 'api' and ${ownedBy('$2', '$3')}`,
    [id, principal.id, callableAgents(principal)],
  );
  return rows[0] && toStoredSession(rows[0]);
}

/** This principal's sessions, the newest first, at most `limit` of those made before the session `after`. */
export async function listSessions(
  database: SqlClient,
  principal: Principal,
  filter: SessionFilter,
  { limit, after }: { readonly limit: number; readonly after: string | undefined },
): Promise<readonly StoredSession[]> {
  const { rows } = await database.query<SessionRow>(
    `select ${sessionColumns} from sessions
     where ${ownedBy('$1', '$2')} and platform = 'api' and ($3 = '' or agent = $3) and ($4 = '' or name = $4) and ($5::uuid is null or id < $5)
     order by id desc limit $6`,
    [principal.id, callableAgents(principal), filter.agent, filter.name, after ?? null, limit],
  );
  return rows.map(toStoredSession);
}

/** The columns of `toStoredSession`, of `sessions`. */
export const sessionColumns = 'id, agent, name, title, parent_id, created_at, last_active_at, ended_at';

export interface SessionRow {
  readonly id: string;
  readonly agent: string;
  readonly name: string;
  readonly title: string;
  readonly parent_id: string | null;
  readonly created_at: Date;
  readonly last_active_at: Date;
  readonly ended_at: Date | null;
}

export function toStoredSession(row: SessionRow): StoredSession {
  return {
    id: row.id,
    agent: row.agent,
    name: row.name,
    title: row.title,
    parent: row.parent_id ?? undefined,
    createdAt: row.created_at,
    lastActiveAt: row.last_active_at,
    endedAt: row.ended_at ?? undefined,
  };
}

import type { Principal } from '../../core/route/principal.ts';
import { callableAgents } from '../db/owned-by.ts';
import type { SqlClient } from '../db/pool.ts';

/** What is kept for an Agent's name. */
export interface Kept {
  readonly agent: string;
  /** Since when no snapshot has the Agent; undefined while one has, and for a name that none ever had. */
  readonly goneAt: Date | undefined;
  readonly files: number;
  readonly bytes: number;
  readonly sessions: number;
}

export interface KeptFilter {
  /** Only of Agents that are not served. */
  readonly gone: boolean;
  readonly limit: number;
  /** Name of the last Agent of the page before; '' for the first page. */
  readonly after: string;
}

/** The names, of those that the principal may call, for which files or sessions are kept, in order; and whether there are more. */
export async function listKept(
  database: SqlClient,
  principal: Principal,
  { gone, limit, after }: KeptFilter,
): Promise<{ readonly kept: readonly Kept[]; readonly hasMore: boolean }> {
  const values = [callableAgents(principal), after, gone, limit + 1];
  const { rows } = await database.query<KeptRow>(statement, values);
  return { kept: rows.slice(0, limit).map(toKept), hasMore: rows.length > limit };
}

interface KeptRow {
  readonly agent: string;
  readonly gone_at: Date | null;
  readonly files: number;
  readonly bytes: string;
  readonly sessions: string;
}

function toKept({ agent, gone_at, files, bytes, sessions }: KeptRow): Kept {
  return { agent, goneAt: gone_at ?? undefined, files, bytes: Number(bytes), sessions: Number(sessions) };
}

const statement = `
  with names as (select name as agent from agents union select agent from file_totals)
  select n.agent, a.gone_at, coalesce(t.files, 0) as files, coalesce(t.bytes, 0) as bytes,
    (select count(*) from sessions s where s.agent = n.agent) as sessions
  from names n
  left join agents a on a.name = n.agent
  left join file_totals t on t.agent = n.agent
  where ($1::text[] is null or n.agent = any($1)) and n.agent > $2
    and (not $3 or a.name is null or a.gone_at is not null)
    and (coalesce(t.files, 0) > 0 or exists (select from sessions s where s.agent = n.agent))
  order by n.agent limit $4`;

import { TalariaError } from '../../core/lib/errors.ts';
import type { SqlClient } from '../db/pool.ts';
import type { StoredSession } from './read-session.ts';

/** One item of a session with where it came from. Ids are UUIDs. */
export interface StoredItem {
  readonly seq: string;
  readonly run: string;
  readonly createdAt: Date;
  /** In the shape of an Open Responses item; of a type that this version may not know. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** Which part of a session's items is read. */
export interface ItemRange {
  readonly order: 'asc' | 'desc';
  /** Begins behind the item with this number. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** What one page holds at most as it is stored, compressed, unless its first item alone is larger. */
const pageBytes = 256 * 1024;

/** A page of items in the order asked for, with a bound in bytes besides the limit; `more` where others follow. */
export async function readItems(
  database: SqlClient,
  { id, agent }: Pick<StoredSession, 'id' | 'agent'>,
  { order, after, limit }: ItemRange,
): Promise<{ readonly items: readonly StoredItem[]; readonly more: boolean }> {
  const { rows } = await database.query<ItemRow>(order === 'asc' ? statementOf('>', 'asc') : statementOf('<', 'desc'), [
    id,
    agent,
    after ?? null,
    limit + 1,
    pageBytes,
  ]);
  const items = rows.slice(0, limit).map(toStoredItem);
  return { items, more: Number(rows[0]?.found ?? 0) > items.length };
}

/** The number of a session's item. Throws `invalid_request`, which names `param`, when it has no such item. */
export async function seqOfItem(
  database: SqlClient,
  { id, agent }: Pick<StoredSession, 'id' | 'agent'>,
  item: string,
  param: string,
): Promise<string> {
  const { rows } = await database.query<{ seq: string }>(
    `select seq from items where session_id = $1 and agent = $2 and data ->> 'id' = $3`,
    [id, agent, item],
  );
  const seq = rows[0]?.seq;
  if (seq !== undefined) return seq;
  throw new TalariaError('invalid_request', `${param}: the session has no such item. GET its items lists them.`, {
    param,
  });
}

interface ItemRow {
  readonly seq: string;
  readonly run_id: string;
  readonly created_at: Date;
  readonly data: Readonly<Record<string, unknown>>;
  readonly found: string;
}

function toStoredItem({ seq, run_id, created_at, data }: ItemRow): StoredItem {
  return { seq, run: run_id, createdAt: created_at, data };
}

/** `found` counts what the limit let through, whatever its size. */
function statementOf(beyond: '>' | '<', order: 'asc' | 'desc'): string {
  return `
    select seq, run_id, created_at, data, found from (
      select *, count(*) over () as found, sum(pg_column_size(data)) over (order by seq ${order}) as bytes,
        row_number() over (order by seq ${order}) as place
      from (
        select seq, run_id, created_at, data from items
        where session_id = $1 and agent = $2 and ($3::bigint is null or seq ${beyond} $3)
        order by seq ${order} limit $4
      ) newest
    ) page
    where bytes <= $5 or place = 1 order by seq ${order}`;
}

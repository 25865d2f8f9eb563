import type { Principal } from '../../core/route/principal.ts';
import { callableAgents, ownedBy } from '../db/owned-by.ts';
import type { Database, SqlClient } from '../db/pool.ts';
import { isUniqueViolation } from '../db/unique-violation.ts';
import { openStatuses } from '../runs/run-status.ts';
import type { FoundSession } from './find.ts';
import { lockSession, nameTaken, type SessionFields } from './make-session.ts';
import { type SessionRow, type StoredSession, sessionColumns, toStoredSession } from './read-session.ts';
import { sessionBusy, sessionNotFound } from './refusals.ts';

/**
 * Renames this principal's session; what is absent stays, a name '' takes the name away. Throws `session_not_found`, or
 * `invalid_request` for a name that another live session has.
 */
export async function renameSession(
  database: Database,
  principal: Principal,
  id: string,
  { name, title }: SessionFields,
): Promise<StoredSession> {
  const values = [id, principal.id, callableAgents(principal), name ?? null, title ?? null];
  try {
    const { rows } = await database.query<SessionRow>(renameStatement, values);
    if (rows[0] === undefined) throw sessionNotFound();
    return toStoredSession(rows[0]);
  } catch (error) {
    if (isUniqueViolation(error)) throw nameTaken(name ?? '');
    throw error;
  }
}

const renameStatement = `
  update sessions set name = coalesce($4, name), title = coalesce($5, title)
  where id = $1 and platform = 'api' and ${ownedBy('$2', '$3')} returning ${sessionColumns}`;

/**
 * Deletes this principal's session with its items, its responses and everything that its runs were told and said. The runs
 * stay as the record that they were. Throws `session_not_found`, or `session_busy` while a run of it is open.
 */
export async function deleteSession(database: Database, principal: Principal, id: string): Promise<void> {
  await database.transaction(async (client) => {
    await forgetSession(client, await lockSession(client, principal, id));
  });
}

/** Deletes a session that this transaction has locked, as `deleteSession` does. Throws `session_busy`. */
export async function forgetSession(client: SqlClient, { id, agent }: FoundSession): Promise<void> {
  const open = await client.query(openStatement, [id, agent]);
  if (open.rowCount > 0) throw sessionBusy();
  await client.query(forgetStatement, [id, agent]);
  await client.query('delete from sessions where id = $1 and agent = $2', [id, agent]);
}

const openStatement = `
  select from runs where session_id = $1 and agent = $2
    and status in ${openStatuses} limit 1`;

const forgetStatement = `
  with forgotten as (
    update runs set input = '{}', output = null, output_text = null where session_id = $1 and agent = $2 returning id
  ),
  events as (delete from run_events where agent = $2 and run_id in (select id from forgotten))
  delete from approvals where agent = $2 and run_id in (select id from forgotten)`;

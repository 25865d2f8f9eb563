import type { Principal } from '../../core/route/principal.ts';
import type { Database } from '../db/pool.ts';
import { agentsOf } from '../runs/read-run.ts';
import { sessionBusy } from '../turns/refused.ts';
import { lockSession, nameTaken, type SessionFields } from './make-session.ts';
import {
  ownedBy,
  type SessionRow,
  type StoredSession,
  sessionColumns,
  sessionNotFound,
  toStoredSession,
} from './read-session.ts';

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
  const values = [id, principal.id, agentsOf(principal), name ?? null, title ?? null];
  try {
    const { rows } = await database.query<SessionRow>(renameStatement, values);
    if (rows[0] === undefined) throw sessionNotFound();
    return toStoredSession(rows[0]);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === uniqueViolation) throw nameTaken(name ?? '');
    throw error;
  }
}

const uniqueViolation = '23505';

const renameStatement = `
  update sessions set name = coalesce($4, name), title = coalesce($5, title)
  where id = $1 and ${ownedBy('$2', '$3')} returning ${sessionColumns}`;

/**
 * Deletes this principal's session with its items, its responses and everything that its runs were told and said. The runs
 * stay as the record that they were. Throws `session_not_found`, or `session_busy` while a run of it is open.
 */
export async function deleteSession(database: Database, principal: Principal, id: string): Promise<void> {
  await database.transaction(async (client) => {
    const { agent } = await lockSession(client, principal, id);
    const open = await client.query(openStatement, [id, agent]);
    if (open.rowCount > 0) throw sessionBusy();
    await client.query(forgetStatement, [id, agent]);
    await client.query('delete from sessions where id = $1 and agent = $2 and principal = $3', [
      id,
      agent,
      principal.id,
    ]);
  });
}

const openStatement = `
  select from runs where session_id = $1 and agent = $2
    and status in ('queued', 'running', 'waiting_for_approval', 'stopping') limit 1`;

const forgetStatement = `
  with forgotten as (
    update runs set input = '{}', output = null, output_text = null where session_id = $1 and agent = $2 returning id
  ),
  events as (delete from run_events where agent = $2 and run_id in (select id from forgotten))
  delete from approvals where agent = $2 and run_id in (select id from forgotten)`;

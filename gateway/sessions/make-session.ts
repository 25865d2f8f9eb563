import { TalariaError } from '../../core/lib/errors.ts';
import { newId } from '../../core/lib/id.ts';
import type { Principal } from '../../core/route/principal.ts';
import type { Resolution, ResolveQuery } from '../../core/route/resolve.ts';
import { callableAgents, ownedBy } from '../db/owned-by.ts';
import type { Database, SqlClient } from '../db/pool.ts';
import { type Idempotency, takeKeyForSession } from '../runs/idempotency.ts';
import { seqOfItem } from './read-items.ts';
import { type SessionRow, type StoredSession, sessionColumns, toStoredSession } from './read-session.ts';
import { sessionNotFound } from './refusals.ts';

/** What a client says of a session that is made. Absent: no name; no title, or that of the session it is forked from. */
export interface SessionFields {
  readonly name?: string | undefined;
  readonly title?: string | undefined;
}

/** A session that was made, or the one (UUID) that the same request made before. */
export type MadeSession =
  | { readonly kind: 'made'; readonly session: StoredSession }
  | { readonly kind: 'repeated'; readonly session: string };

/**
 * Makes an empty session of the resolved agent. Throws `invalid_request` for a name that a live session of the principal
 * has, or `idempotency_conflict`.
 */
export async function createSession(
  database: Database,
  { envelope, principal }: ResolveQuery,
  { agent }: Resolution,
  fields: SessionFields,
  idempotency: Idempotency | undefined,
): Promise<MadeSession> {
  const id = newId();
  return await database.transaction(async (client) => {
    const first = idempotency && (await takeKeyForSession(client, principal, idempotency, { agent: agent.name, id }));
    if (first !== undefined) return { kind: 'repeated', session: first };
    const { chatType, chatId, threadId, userId } = envelope;
    const { rows } = await client.query<SessionRow>(createStatement, [
      id,
      agent.name,
      agent.uid,
      chatType,
      chatId,
      threadId,
      userId,
      principal.id,
      fields.name ?? '',
      fields.title ?? '',
    ]);
    return made(rows[0], fields.name);
  });
}

const createStatement = `
  insert into sessions (id, agent, agent_uid, platform, chat_type, chat_id, thread_id, user_id, principal, name, title)
  values ($1, $2, $3, 'api', $4, $5, $6, $7, $8, $9, $10)
  on conflict do nothing returning ${sessionColumns}`;

/** What a session is forked from. Ids are UUIDs, `item` an item's own id; absent: the whole session. */
export interface ForkPoint {
  readonly session: string;
  readonly item?: string | undefined;
}

/**
 * Makes a session with what this principal's session said up to and including an item, of the same agent; a live or an
 * ended one, also while it is at work. Throws `session_not_found`, and `invalid_request` for an item that the session does
 * not have or a name that is taken, or `idempotency_conflict`.
 */
export async function forkSession(
  database: Database,
  principal: Principal,
  from: ForkPoint,
  fields: SessionFields,
  idempotency: Idempotency | undefined,
): Promise<MadeSession> {
  const id = newId();
  return await database.transaction(async (client) => {
    // Who begins a turn takes its key before it locks the session, so this does too.
    const agent = await agentOfSession(client, principal, from.session);
    const first = idempotency && (await takeKeyForSession(client, principal, idempotency, { agent, id }));
    if (first !== undefined) return { kind: 'repeated', session: first };
    const old = await lockSession(client, principal, from.session);
    const seq = from.item === undefined ? old.last_seq : await seqOfItem(client, old, from.item, 'up_to');
    await client.query('select from fork_session($1, $2, $3)', [old.id, seq, id]);
    const { rows } = await client.query<SessionRow>(nameStatement, [
      id,
      old.agent,
      principal.id,
      fields.name ?? '',
      fields.title ?? null,
    ]);
    return made(rows[0], fields.name);
  });
}

interface LockedSession {
  readonly id: string;
  readonly agent: string;
  readonly last_seq: string;
}

/** Locks this principal's session until the end of the transaction. Throws `session_not_found`. */
export async function lockSession(client: SqlClient, principal: Principal, id: string): Promise<LockedSession> {
  const { rows } = await client.query<LockedSession>(
    `select id, agent, last_seq from sessions where id = $1 and platform = 'api' and ${ownedBy('$2', '$3')} for update`,
    [id, principal.id, callableAgents(principal)],
  );
  if (rows[0] === undefined) throw sessionNotFound();
  return rows[0];
}

async function agentOfSession(client: SqlClient, principal: Principal, id: string): Promise<string> {
  const { rows } = await client.query<{ agent: string }>(
    `select agent from sessions where id = $1 and platform = 'api' and ${ownedBy('$2', '$3')}`,
    [id, principal.id, callableAgents(principal)],
  );
  if (rows[0] === undefined) throw sessionNotFound();
  return rows[0].agent;
}

/** A name that is taken leaves the row without one, and so the transaction to be rolled back. */
const nameStatement = `
  update sessions set name = $4, title = coalesce($5, title)
  where id = $1 and agent = $2 and principal = $3 and not exists (
    select from sessions s
    where $4 <> '' and s.principal = $3 and s.name = $4 and s.platform = 'api' and s.ended_at is null)
  returning ${sessionColumns}`;

function made(row: SessionRow | undefined, name: string | undefined): MadeSession {
  if (row === undefined) throw nameTaken(name ?? '');
  return { kind: 'made', session: toStoredSession(row) };
}

/** The refusal of a name that a live session of the principal has. */
export function nameTaken(name: string): TalariaError {
  return new TalariaError(
    'invalid_request',
    `name: a live session of this key has the name ${JSON.stringify(name.slice(0, 100))}. Choose another, rename that one, or delete it.`,
    { param: 'name' },
  );
}

import { TalariaError } from '../../core/lib/errors.ts';
import type { Principal } from '../../core/route/principal.ts';
import { callableAgents } from '../db/owned-by.ts';
import type { Database } from '../db/pool.ts';
import { forgetSession } from './change-session.ts';
import { type SessionRow, type StoredSession, sessionColumns, toStoredSession } from './read-session.ts';
import { sessionNotFound } from './refusals.ts';

/** A session of whatever platform and principal, as an admin sees it. Texts are '' where they are absent. */
export interface AdminSession extends StoredSession {
  readonly platform: string;
  /** `<agent>/<name>` of the account that received it. */
  readonly account: string;
  readonly chatType: string;
  readonly chatId: string;
  readonly threadId: string;
  readonly userId: string;
  readonly principal: string;
  /** How many items it has. */
  readonly items: number;
}

export interface AdminSessionFilter {
  readonly agent?: string | undefined;
  readonly platform?: string | undefined;
  readonly status?: 'live' | 'ended' | undefined;
  /** UUID of the session after which the page begins. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/**
 * The sessions of the agents that an admin may call, the newest first: a page of at most `limit`, and whether there are more.
 * Throws `invalid_request` when the one `after` which it begins is gone and its place with it.
 */
export async function listAdminSessions(
  database: Database,
  admin: Pick<Principal, 'agents'>,
  { agent, platform, status, after, limit }: AdminSessionFilter,
): Promise<{ readonly sessions: readonly AdminSession[]; readonly hasMore: boolean }> {
  const [name, statement] = agent === undefined ? ['list-all-sessions', ofAll] : ['list-agent-sessions', ofOneAgent];
  const { rows } = await database.prepared<AdminSessionRow>(name, statement, [
    callableAgents(admin),
    platform ?? null,
    status ?? null,
    after ?? null,
    limit + 1,
    ...(agent === undefined ? [] : [agent]),
  ]);
  const isPlaceLost = rows.length === 0 && agent !== undefined && after !== undefined;
  if (isPlaceLost && (await readAdminSession(database, admin, after)) === undefined) throw afterIsGone();
  return { sessions: rows.slice(0, limit).map(toAdminSession), hasMore: rows.length > limit };
}

function afterIsGone(): TalariaError {
  const message = 'after: there is no such session any more. Begin the list again.';
  return new TalariaError('invalid_request', message, { param: 'after' });
}

/** One session of an agent that an admin may call; undefined when there is none. */
export async function readAdminSession(
  database: Database,
  admin: Pick<Principal, 'agents'>,
  id: string,
): Promise<AdminSession | undefined> {
  const { rows } = await database.prepared<AdminSessionRow>(
    'read-admin-session',
    `select ${adminColumns} from sessions where id = $1 and ($2::text[] is null or agent = any($2))`,
    [id, callableAgents(admin)],
  );
  return rows[0] && toAdminSession(rows[0]);
}

/**
 * Deletes a session of an agent that an admin may call, with all that was said in it. Throws `session_not_found`, or
 * `session_busy` while a run of it is open.
 */
export async function deleteAdminSession(
  database: Database,
  admin: Pick<Principal, 'agents'>,
  id: string,
): Promise<void> {
  await database.transaction(async (client) => {
    const { rows } = await client.query<{ agent: string }>(
      'select agent from sessions where id = $1 and ($2::text[] is null or agent = any($2)) for update',
      [id, callableAgents(admin)],
    );
    if (rows[0] === undefined) throw sessionNotFound();
    await forgetSession(client, { id, agent: rows[0].agent });
  });
}

const adminColumns = `${sessionColumns}, platform, account, chat_type, chat_id, thread_id, user_id, principal, last_seq`;

const page = `
  select ${adminColumns} from sessions
  where ($1::text[] is null or agent = any($1)) and ($2::text is null or platform = $2)
    and ($3::text is null or ($3 = 'live') = (ended_at is null))`;

/** Ids grow with the time in which they were made, so the page needs no other index than theirs. */
const ofAll = `${page} and ($4::uuid is null or id < $4) order by id desc limit $5`;

/** By the index of an agent's sessions by age, so that those of a rare one are not looked for among all. */
const ofOneAgent = `${page} and agent = $6
    and ($4::uuid is null or (created_at, id) < (select created_at, id from sessions where id = $4 and agent = $6))
  order by created_at desc, id desc limit $5`;

interface AdminSessionRow extends SessionRow {
  readonly platform: string;
  readonly account: string;
  readonly chat_type: string;
  readonly chat_id: string;
  readonly thread_id: string;
  readonly user_id: string;
  readonly principal: string;
  readonly last_seq: string;
}

function toAdminSession(row: AdminSessionRow): AdminSession {
  return {
    ...toStoredSession(row),
    platform: row.platform,
    account: row.account,
    chatType: row.chat_type,
    chatId: row.chat_id,
    threadId: row.thread_id,
    userId: row.user_id,
    principal: row.principal,
    items: Number(row.last_seq),
  };
}

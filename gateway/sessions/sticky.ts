import type { RouteTable } from '../../core/route/compile.ts';
import type { Envelope } from '../../core/route/envelope.ts';
import type { Refusal } from '../../core/route/outcome.ts';
import { type Resolution, type ResolveQuery, resolve } from '../../core/route/resolve.ts';
import type { SqlClient } from '../db/pool.ts';

/** Resolves with the agent of the conversation's newest live session, where the rule splits. `first`: as it is without. */
export async function resolveSticky(
  database: SqlClient,
  routes: RouteTable,
  query: ResolveQuery,
  first: Resolution | Refusal = resolve(routes, query),
): Promise<Resolution | Refusal> {
  return await decideSticky(
    database,
    query,
    (asked) => resolve(routes, asked),
    (outcome) => outcome,
    first,
  );
}

/**
 * Decides by `decide`; when the rule splits, looks up the agent of the conversation's newest live session and decides
 * again with it. A refusal is looked up too: the agent that was drawn may not serve while the session's own one does.
 */
export async function decideSticky<T>(
  database: SqlClient,
  query: ResolveQuery,
  decide: (query: ResolveQuery) => T,
  outcomeOf: (decided: T) => Resolution | Refusal,
  first: T = decide(query),
): Promise<T> {
  const { sticks, sessionScope } = outcomeOf(first);
  if (!sticks) return first;
  const stickyAgent = await findStickyAgent(database, query.envelope, sessionScope);
  return stickyAgent === undefined ? first : decide({ ...query, stickyAgent });
}

/**
 * The agent of the conversation's newest live session, for a rule that splits. The conversation is the chat and thread,
 * with the user under the scope `User`; a message that names neither is its user's.
 */
async function findStickyAgent(
  database: SqlClient,
  envelope: Envelope,
  scope: 'User' | 'Chat' | undefined,
): Promise<string | undefined> {
  const { platform, account, chatId, threadId, userId } = envelope;
  const byUser = scope === 'User' || (scope === undefined && chatId === '' && threadId === '');
  if (chatId === '' && threadId === '' && !(byUser && userId !== '')) return undefined;
  const { rows } = await database.query<{ agent: string }>(
    `select agent from sessions
     where platform = $1 and account = $2 and chat_id = $3 and thread_id = $4 and ($5 or user_id = $6)
       and ended_at is null
     order by last_active_at desc limit 1`,
    [platform, account, chatId, threadId, !byUser, userId],
  );
  return rows[0]?.agent;
}

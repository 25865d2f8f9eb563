import type { Envelope } from '../../core/route/envelope.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import type { Database } from '../db/pool.ts';
import { openStatuses, type RunStatus } from '../runs/run-status.ts';
import { chatUser } from '../sessions/chat-user.ts';
import { type Item, isItem } from '../sessions/items.ts';

/** The live session of a chat with one agent. */
export interface ChatSession {
  readonly id: string;
  readonly agent: string;
  /** How many messages were said in it. */
  readonly messages: number;
  /** What its runs that have not ended do, the active one first. */
  readonly open: readonly RunStatus[];
}

/** Finds the session that the next turn of this chat and agent would go on with; undefined when it would begin one. */
export async function findChatSession(
  database: Database,
  envelope: Envelope,
  resolution: Resolution,
): Promise<ChatSession | undefined> {
  const { platform, account, chatType, chatId, threadId } = envelope;
  const { agentName, agent } = resolution;
  const user = chatUser(envelope, resolution);
  const { rows } = await database.query<ChatSession>(findStatement, [
    agentName,
    platform,
    account,
    chatType,
    chatId,
    threadId,
    user,
    agent.sessions.idleResetSeconds ?? null,
  ]);
  return rows[0];
}

/** Ends it, so that the next message begins a new one. With `unlessBusy` a session with an open run stays: false. */
export async function endChatSession(
  database: Database,
  { id, agent }: ChatSession,
  { unlessBusy }: { readonly unlessBusy: boolean },
): Promise<boolean> {
  const { rowCount } = await database.query(endStatement, [id, agent, unlessBusy]);
  return rowCount === 1;
}

/**
 * What the session was told last, when that has no place in its history because the run failed; undefined when its history
 * has it, or will have.
 */
export async function findUnanswered(
  database: Database,
  { id, agent }: ChatSession,
): Promise<readonly Item[] | undefined> {
  const { rows } = await database.query<{ items: unknown[]; lost: boolean }>(lastInputStatement, [id, agent]);
  const last = rows[0];
  return last?.lost === true ? last.items.filter(isItem) : undefined;
}

const findStatement = `
  select s.id, s.agent,
    (select count(*)::integer from items i where i.session_id = s.id and i.agent = s.agent and i.type = 'message') as messages,
    array(
      select r.status from runs r where r.session_id = s.id and r.agent = s.agent and r.status in ${openStatuses}
      order by r.status = 'queued', r.created_at, r.id) as open
  from sessions s
  where s.agent = $1 and s.platform = $2 and s.account = $3 and s.chat_type = $4 and s.chat_id = $5 and s.thread_id = $6
    and s.user_id = $7 and s.principal = '' and s.name = '' and s.ended_at is null
    and ($8::integer is null or s.last_active_at >= talaria_now() - make_interval(secs => $8)
      or exists (select from runs r where r.session_id = s.id and r.status in ${openStatuses}))`;

const endStatement = `
  update sessions s set ended_at = talaria_now()
  where s.id = $1 and s.agent = $2 and s.ended_at is null
    and not ($3 and exists (select from runs r where r.session_id = s.id and r.status in ${openStatuses}))`;

const lastInputStatement = `
  select input -> 'items' as items, output is null and status not in ${openStatuses} as lost
  from runs
  where session_id = $1 and agent = $2 and jsonb_array_length(input -> 'items') > 0
  order by created_at desc, id desc limit 1`;

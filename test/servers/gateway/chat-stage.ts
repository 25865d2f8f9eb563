import type { Envelope } from '../../../core/route/envelope.ts';
import type { AgentFields, ConfigurationFields } from '../../harness/entries.ts';
import { type ChatReplica, startChatReplica } from './chat-replica.ts';
import { keep, remote, state } from './stage.ts';

/** Two Agents, `main` and `other`; `sessions` is that of both. */
export const served = (
  sessions: AgentFields['sessions'] = {},
  rest: Partial<ConfigurationFields> = {},
): ConfigurationFields => ({
  agents: ['main', 'other'].map((name) => ({
    name,
    default: name === 'other',
    model: remote(),
    sessions,
  })),
  ...rest,
});

/** Starts a replica of them. */
export async function start(fields: ConfigurationFields = served()): Promise<ChatReplica> {
  return keep(await startChatReplica(state.url, fields));
}

/** A direct chat with `main`. */
export const inChat: Partial<Envelope> = {
  platform: 'telegram',
  account: 'main/bot',
  chatType: 'direct',
  chatId: '7',
  userId: '7',
};
/** One message of that chat. */
export const say = (replica: ChatReplica, text: string, more: Partial<Envelope> = {}) =>
  replica.receive({ ...inChat, ...more, text });

/** The sessions, the oldest first. */
export const sessions = () =>
  state.rows<{ agent: string; user_id: string; live: boolean }>(
    'select agent, user_id, ended_at is null as live from sessions order by created_at',
  );
/** What was said in all sessions, in order. */
export const history = async () =>
  (
    await state.rows<{ said: string }>(
      `select data ->> 'role' || ': ' || (data #>> '{content,0,text}') as said from items order by seq`,
    )
  ).map(({ said }) => said);

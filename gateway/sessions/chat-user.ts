import type { Envelope } from '../../core/route/envelope.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';

/** The user part of a chat's session: `User` scopes give each one of their own. A rule's scope comes before the Agent's. */
export function chatUser(envelope: Envelope, { agent, sessionScope }: Resolution): string {
  const { chatType, threadId, userId } = envelope;
  return (sessionScope ?? scopeOf(agent, chatType, threadId)) === 'User' ? userId : '';
}

function scopeOf({ sessions }: AgentEntry, chatType: string, threadId: string): 'User' | 'Chat' {
  if (threadId !== '') return sessions.threadScope;
  return chatType === 'direct' ? 'User' : sessions.groupScope;
}

import { z } from 'zod';
import { platforms } from '../../../core/route/envelope.ts';
import type { AdminSession } from '../../sessions/admin-sessions.ts';
import { countInQuery } from '../body.ts';
import { sessionBody, sessionSchema } from '../sessions/session-body.ts';
import { nameInQuery } from './shapes.ts';

/** Where sessions come from: requests, chats, and CronJobs with a named session. */
export const sessionPlatforms = [...platforms, 'cron'] as const;

/** The query of `GET /admin/v1/sessions`. */
export const adminSessionListSchema = z.strictObject({
  limit: countInQuery(100, 20),
  after: z
    .string()
    .max(64)
    .optional()
    .meta({ description: 'Id of the last session of the page before.', pattern: '^ses_[0-9a-f]{32}$' }),
  agent: nameInQuery('Agent').optional(),
  platform: z.enum(sessionPlatforms).optional(),
  status: z.enum(['live', 'ended']).optional(),
});

/** A session as an admin sees it. */
export const adminSessionSchema = sessionSchema.extend({
  platform: z.enum(sessionPlatforms),
  account: z.string().nullable().describe('`<agent>/<name>` of the chat account.'),
  chat_type: z.string(),
  chat_id: z.string().nullable(),
  thread_id: z.string().nullable(),
  user_id: z.string().nullable(),
  principal: z.string().nullable().describe('Whose it is; null for a chat.'),
  items: z.int().min(0).describe('How many items it has.'),
});

export type AdminSessionObject = z.output<typeof adminSessionSchema>;

/** A session as the admin API shows it. */
export function adminSessionObject(session: AdminSession): AdminSessionObject {
  const { account, chatId, threadId, userId, principal } = session;
  return {
    ...sessionBody(session),
    platform: session.platform as AdminSessionObject['platform'],
    account: nullIfBlank(account),
    chat_type: session.chatType,
    chat_id: nullIfBlank(chatId),
    thread_id: nullIfBlank(threadId),
    user_id: nullIfBlank(userId),
    principal: nullIfBlank(principal),
    items: session.items,
  };
}

function nullIfBlank(text: string): string | null {
  return text === '' ? null : text;
}

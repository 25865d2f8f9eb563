import { z } from 'zod';
import { fromWire, toWire } from '../../../core/lib/id.ts';
import type { StoredSession } from '../../sessions/read-session.ts';
import { sessionNotFound } from '../../sessions/refusals.ts';
import { storableText } from '../../sessions/storable.ts';
import { unixSeconds } from '../api-object.ts';

/** A client's own name for a session, such as `X-Talaria-Session-Id` takes it. */
const name = z
  .string()
  .min(1)
  .max(256)
  .refine((text) => !text.startsWith('ses_'), 'a name does not begin with ses_, as ids do')
  .refine((text) => text.trim() === text, 'a name does not begin or end with a blank')
  .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), 'a name holds no control character')
  .describe('A name of your own. No two live sessions of a key have the same; X-Talaria-Session-Id takes it.');

/** A text to look for: nothing that is stored holds what PostgreSQL refuses. */
const sought = z.string().max(256).overwrite(storableText);

const title = z.string().max(512).overwrite(storableText).describe('For people; shown in lists.');

/** The body of `POST /v1/sessions`; null stands for absent. */
export const createBodySchema = z.strictObject({
  model: z.string().max(512).nullish().describe('`talaria/<name>` names an Agent; any other text may match a Route.'),
  name: name.nullish(),
  title: title.nullish(),
});

/** The body of `PATCH /v1/sessions/{id}`. */
export const renameBodySchema = z.strictObject({
  name: name.nullable().optional().describe('null takes the name away.'),
  title: title.optional(),
});

/** The body of `POST /v1/sessions/{id}/fork`, which may be absent. */
export const forkBodySchema = z.strictObject({
  up_to: sought.nullish().describe('The last item that the fork has; by default all.'),
  name: name.nullish(),
  title: title.nullish(),
});

/** A session, as `#/components/schemas/Session`. */
export const sessionSchema = z.object({
  id: z.string().regex(/^ses_[0-9a-f]{32}$/),
  object: z.literal('session'),
  agent: z.string(),
  name: z.string().nullable(),
  title: z.string(),
  status: z.enum(['live', 'ended']),
  parent_id: z.string().nullable().describe('The session that it was forked from.'),
  created_at: z.int().describe('Unix seconds.'),
  last_active_at: z.int(),
  ended_at: z.int().nullable(),
});

/** A session as the API shows it. Times are Unix seconds. */
export function sessionBody(session: StoredSession): z.output<typeof sessionSchema> {
  const { id, agent, parent, createdAt, lastActiveAt, endedAt } = session;
  return {
    id: toWire('ses', id),
    object: 'session',
    agent,
    name: session.name === '' ? null : session.name,
    title: session.title,
    status: endedAt === undefined ? 'live' : 'ended',
    parent_id: parent === undefined ? null : toWire('ses', parent),
    created_at: unixSeconds(createdAt),
    last_active_at: unixSeconds(lastActiveAt),
    ended_at: endedAt === undefined ? null : unixSeconds(endedAt),
  };
}

/** The UUID of a session's id in a path. Throws `session_not_found` for what can be no id. */
export function sessionIdOf({ id }: { readonly id: string }): string {
  const uuid = fromWire('ses', id);
  if (uuid === undefined) throw sessionNotFound();
  return uuid;
}

/** How many entries a page has. */
const limit = z.coerce.number().int().min(1).max(100).default(20);

/** The query of `GET /v1/sessions`. */
export const listQuerySchema = z.strictObject({
  limit,
  after: z.string().max(256).optional().describe('Id of the last session of the page before.'),
  agent: sought.default(''),
  name: sought.default(''),
});

/** The query of `GET /v1/sessions/{id}/items`. */
export const itemsQuerySchema = z.strictObject({
  limit,
  after: sought.optional().describe('Id of the last item of the page before.'),
  order: z.enum(['asc', 'desc']).default('asc'),
});

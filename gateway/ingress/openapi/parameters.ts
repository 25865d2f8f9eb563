import type { z } from 'zod';
import { maxCharacters, talariaRequestHeaders } from '../headers.ts';
import { type JsonSchema, text, toSchema } from './schema.ts';

/** The headers of a request for a turn: whose conversation it is, and a key under which it runs once. */
export function turnHeaders(): readonly JsonSchema[] {
  const own = talariaRequestHeaders.filter((name) => name.startsWith('x-talaria-'));
  return [...own.map(conversationHeader), idempotencyKey];
}

export const idempotencyKey: JsonSchema = {
  name: 'idempotency-key',
  in: 'header',
  description: 'A repeated request with the same key gets the first one’s answer, for 24 hours.',
  schema: { type: 'string', pattern: '^[!-~]{1,255}$' },
};

export const lastEventId: JsonSchema = {
  name: 'last-event-id',
  in: 'header',
  description: 'The `id` of the last event that arrived: what follows it is sent.',
  schema: { type: 'string', pattern: '^[0-9]{0,15}$' },
};

/** `{id}` of a path. */
export function idInPath(description: string): JsonSchema {
  return { name: 'id', in: 'path', required: true, description, schema: { ...text, minLength: 1 } };
}

/** The query parameters of a list, one for each field of the schema that reads them. */
export function queryOf(schema: z.ZodObject): readonly JsonSchema[] {
  return Object.entries(schema.shape).map(([name, field]) => {
    const { description, ...rest } = toSchema(field as z.ZodType);
    return { name, in: 'query', ...(description ? { description } : {}), schema: rest };
  });
}

function conversationHeader(name: string): JsonSchema {
  const alias = `Also taken as \`${name.replace('talaria', 'hermes')}\`.`;
  const encoded = `Visible ASCII or percent-encoded UTF-8, at most ${maxCharacters} characters; blank counts as absent.`;
  if (name.endsWith('-session-key')) {
    return { name, in: 'header', description: `${sessionKeyNote} ${alias}`, schema: { ...text, maxLength: 0 } };
  }
  const schema = { type: 'string', maxLength: maxCharacters, pattern: '^[!-$&-~]*$' };
  return { name, in: 'header', description: `${meanings[name] ?? ''} ${encoded} ${alias}`, schema };
}

const meanings: Readonly<Record<string, string>> = {
  'x-talaria-chat-id': 'The conversation, for Routes that match it.',
  'x-talaria-user-id': 'Who writes, for Routes that match it.',
  'x-talaria-thread-id': 'The thread of the conversation, for Routes that match it.',
  'x-talaria-session-id': 'A session (`ses_...`) or your own name for one: the turn is stored there.',
};

const sessionKeyNote =
  "Scopes an agent's memory. Agents have no memory yet: a request with it is refused with `unsupported_field`.";

import { z } from 'zod';
import { chatBodySchema } from '../chat-completions/chat-body.ts';
import {
  createBodySchema,
  forkBodySchema,
  itemsQuerySchema,
  listQuerySchema,
  renameBodySchema,
} from '../sessions/session-body.ts';
import { chatAnswer } from './chat.ts';
import { bounds, routing, turnFailures } from './failures.ts';
import { itemSchema } from './items.ts';
import { json, linkTo, operation, shared } from './operation.ts';
import { idempotencyKey, idInPath, queryOf, turnHeaders } from './parameters.ts';
import { type JsonSchema, listOf } from './schema.ts';

/** `/v1/sessions` and what is below it. */
export function sessionPaths(): JsonSchema {
  const id = idInPath('The `id` of a session, `ses_...`.');
  const fails = ['session_not_found', 'not_found'] as const;
  const one = json('The session.', shared('Session'));
  const made = json('The session.', shared('Session'), { read: linkTo('readSession'), items: linkTo('listItems') });
  const repeats = ['idempotency_conflict', 'invalid_header', 'agent_forbidden'] as const;
  return {
    '/v1/sessions': {
      get: operation("This key's sessions, the newest first.", {
        id: 'listSessions',
        parameters: queryOf(listQuerySchema),
        answers: { 200: json('A page.', listOf(shared('Session'))) },
        fails: ['unsupported_field', 'session_not_found'],
      }),
      post: operation('Makes a session of the Agent that routing chooses.', {
        id: 'createSession',
        parameters: turnHeaders(),
        body: createBodySchema,
        answers: { 201: made },
        fails: [...routing, ...repeats],
      }),
    },
    '/v1/sessions/{id}': {
      get: operation('A session.', { id: 'readSession', parameters: [id], answers: { 200: one }, fails }),
      patch: operation('Changes its name or title.', {
        id: 'renameSession',
        parameters: [id],
        body: renameBodySchema,
        bodyIsOptional: true,
        answers: { 200: one },
        fails,
      }),
      delete: operation('Deletes it with everything that was said.', {
        id: 'deleteSession',
        parameters: [id],
        answers: { 200: json('It is gone.', deleted('session.deleted')) },
        fails: [...fails, 'session_busy'],
      }),
    },
    '/v1/sessions/{id}/items': {
      get: operation('What was said and done.', {
        id: 'listItems',
        parameters: [id, ...queryOf(itemsQuerySchema)],
        answers: { 200: json('A page.', listOf(itemSchema)) },
        fails: [...fails, 'unsupported_field'],
      }),
    },
    '/v1/sessions/{id}/export': {
      get: operation('The session and all its items as JSON lines.', {
        id: 'exportSession',
        parameters: [id],
        answers: { 200: { description: 'One object a line.', content: { 'application/x-ndjson': {} } } },
        fails,
      }),
    },
    '/v1/sessions/{id}/fork': {
      post: operation('Makes a session with what this one said, of the same Agent.', {
        id: 'forkSession',
        parameters: [id, idempotencyKey],
        body: forkBodySchema,
        bodyIsOptional: true,
        answers: { 201: made },
        fails: [...fails, ...repeats],
      }),
    },
    '/v1/sessions/{id}/chat': {
      post: operation('A chat completion as a turn of the session, by its own Agent.', {
        id: 'chatOnSession',
        parameters: [id, ...turnHeaders()],
        body: chatBodySchema,
        answers: { 200: chatAnswer },
        fails: [...fails, ...routing, ...bounds, ...turnFailures, 'deliver_forbidden'],
      }),
    },
  };
}

/** What the deletion of something answers. */
export function deleted(object: string) {
  return z.object({ id: z.string(), object: z.literal(object), deleted: z.literal(true) });
}

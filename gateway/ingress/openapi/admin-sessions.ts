import { adminSessionListSchema, adminSessionSchema } from '../admin/session-object.ts';
import { itemsQuerySchema } from '../sessions/session-body.ts';
import { itemSchema } from './items.ts';
import { json, operation } from './operation.ts';
import { idInPath, queryOf } from './parameters.ts';
import { type JsonSchema, listOf } from './schema.ts';
import { deleted } from './sessions.ts';

/** `/admin/v1/sessions` and what is below it. */
export function adminSessionPaths(): JsonSchema {
  const id = idInPath('The `id` of a session, `ses_...`.');
  const fails = ['admin_required', 'session_not_found', 'not_found'] as const;
  return {
    '/admin/v1/sessions': {
      get: operation('The sessions of every platform and principal, the newest first.', {
        id: 'listAdminSessions',
        parameters: queryOf(adminSessionListSchema),
        answers: { 200: json('A page.', listOf(adminSessionSchema)) },
        fails: ['admin_required', 'unsupported_field'],
      }),
    },
    '/admin/v1/sessions/{id}': {
      get: operation('A session.', {
        id: 'readAdminSession',
        parameters: [id],
        answers: { 200: json('The session.', adminSessionSchema) },
        fails,
      }),
      delete: operation('Deletes it with everything that was said.', {
        id: 'deleteAdminSession',
        parameters: [id],
        answers: { 200: json('It is gone.', deleted('session.deleted')) },
        fails: [...fails, 'session_busy'],
      }),
    },
    '/admin/v1/sessions/{id}/items': {
      get: operation('What was said and done.', {
        id: 'listAdminItems',
        parameters: [id, ...queryOf(itemsQuerySchema)],
        answers: { 200: json('A page.', listOf(itemSchema)) },
        fails: [...fails, 'unsupported_field'],
      }),
    },
    '/admin/v1/sessions/{id}/export': {
      get: operation('The session and all its items as JSON lines.', {
        id: 'exportAdminSession',
        parameters: [id],
        answers: { 200: { description: 'One object a line.', content: { 'application/x-ndjson': {} } } },
        fails,
      }),
    },
  };
}

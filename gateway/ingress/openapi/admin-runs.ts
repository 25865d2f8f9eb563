import { adminRunDetailSchema, adminRunListSchema, adminRunSchema, runEventsQuerySchema } from '../admin/run-object.ts';
import { event, events, json, jsonText, operation } from './operation.ts';
import { idInPath, lastEventId, queryOf } from './parameters.ts';
import { type JsonSchema, listOf, text, toSchema } from './schema.ts';

/** `/admin/v1/runs` and what is below it. */
export function adminRunPaths(): JsonSchema {
  const id = idInPath('The `id` of a run, `run_...`.');
  const fails = ['admin_required', 'run_not_found', 'not_found'] as const;
  return {
    '/admin/v1/runs': {
      get: operation('The runs of every trigger and principal, the newest first.', {
        id: 'listAdminRuns',
        parameters: queryOf(adminRunListSchema),
        answers: { 200: json('A page.', listOf(adminRunSchema)) },
        fails: ['admin_required', 'unsupported_field'],
      }),
    },
    '/admin/v1/runs/{id}': {
      get: operation('A run as it stands, with what was asked and answered.', {
        id: 'readAdminRun',
        parameters: [id],
        answers: { 200: json('The run.', adminRunDetailSchema) },
        fails,
      }),
    },
    '/admin/v1/runs/{id}/events': {
      get: operation('What happens in a run, to its end; of a run that stores no events, its end.', {
        id: 'followAdminRun',
        parameters: [id, lastEventId, ...queryOf(runEventsQuerySchema)],
        answers: { 200: events('What happened, in order; the last event holds the run.', adminRunEvent) },
        fails: [...fails, 'invalid_header', 'unsupported_field'],
      }),
    },
    '/admin/v1/runs/{id}/stop': {
      post: operation('Asks a run to stop.', {
        id: 'stopAdminRun',
        parameters: [id],
        answers: {
          200: json('The run, which has ended.', adminRunDetailSchema),
          202: json('The run, which is asked to stop.', adminRunDetailSchema),
        },
        fails,
      }),
    },
  };
}

const adminRunEvent = event(
  jsonText({
    type: 'object',
    required: ['type', 'seq', 'run_id'],
    properties: {
      type: text,
      seq: { type: 'integer', minimum: 1 },
      run_id: text,
      created_at: { type: 'string', format: 'date-time' },
      run: toSchema(adminRunDetailSchema),
    },
  }),
  { id: { type: 'string', pattern: '^[0-9]+$' }, event: text },
);

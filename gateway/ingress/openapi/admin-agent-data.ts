import { z } from 'zod';
import { importBodySchema, keptListSchema, keptObjectSchema, purgeBodySchema } from '../admin/agent-data.ts';
import { json, operation } from './operation.ts';
import { idInPath, queryOf } from './parameters.ts';
import { type JsonSchema, listOf } from './schema.ts';

/** `/admin/v1/agent-data`, and what is below `/admin/v1/agents/{id}` about the data of one Agent. */
export function adminAgentDataPaths(): JsonSchema {
  const id = idInPath('The name of an Agent, served or not.');
  const fails = ['admin_required', 'model_not_found', 'not_found'] as const;
  const counts = { files: z.int(), sessions: z.int() };
  return {
    '/admin/v1/agent-data': {
      get: operation('Agents for which files or sessions are kept, by name; also those that are gone.', {
        id: 'listAgentData',
        parameters: queryOf(keptListSchema),
        answers: { 200: json('A page.', listOf(keptObjectSchema)) },
        fails: ['admin_required', 'unsupported_field'],
      }),
    },
    '/admin/v1/agents/{id}/export': {
      get: operation('The files and sessions of an Agent as JSON lines; complete with a last line of the type `end`.', {
        id: 'exportAgent',
        parameters: [id],
        answers: { 200: { description: 'One object a line.', content: { 'application/x-ndjson': {} } } },
        fails,
      }),
    },
    '/admin/v1/agents/{id}/import': {
      post: operation('Adds lines of an export that are missing, in their order, in as many requests as needed.', {
        id: 'importAgent',
        parameters: [id],
        body: importBodySchema,
        answers: {
          200: json('How many lines were new.', z.object({ imported: z.object({ ...counts, items: z.int() }) })),
        },
        fails: [...fails, 'agent_forbidden'],
      }),
    },
    '/admin/v1/agents/{id}/purge': {
      post: operation('Deletes what is kept of an Agent and is not at work.', {
        id: 'purgeAgent',
        parameters: [id],
        body: purgeBodySchema,
        bodyIsOptional: true,
        answers: {
          200: json(
            'What was deleted; ask again while there is more.',
            z.object({
              purged: z.object({ ...counts, runs: z.int(), deliveries: z.int() }),
              has_more: z.boolean(),
            }),
          ),
        },
        fails: [...fails, 'agent_served'],
      }),
    },
  };
}

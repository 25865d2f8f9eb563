import { agentDetailSchema, agentListSchema, agentObjectSchema } from '../admin/agent-object.ts';
import { json, operation } from './operation.ts';
import { idInPath, queryOf } from './parameters.ts';
import { type JsonSchema, listOf } from './schema.ts';

/** `/admin/v1/agents` and what is below it. */
export function adminAgentPaths(): JsonSchema {
  return {
    '/admin/v1/agents': {
      get: operation('The Agents, by name, as this replica serves them.', {
        id: 'listAgents',
        parameters: queryOf(agentListSchema),
        answers: { 200: json('A page.', listOf(agentObjectSchema)) },
        fails: ['admin_required', 'unsupported_field'],
      }),
    },
    '/admin/v1/agents/{id}': {
      get: operation('An Agent with what it has.', {
        id: 'readAgent',
        parameters: [idInPath('The name of an Agent.')],
        answers: { 200: json('The Agent.', agentDetailSchema) },
        fails: ['admin_required', 'model_not_found', 'not_found'],
      }),
    },
  };
}

import { z } from 'zod';
import { snapshotContentSchema } from '../../../core/snapshot/schema.ts';
import { explainBodySchema } from '../admin/explain.ts';
import { adminAgentDataPaths } from './admin-agent-data.ts';
import { adminAgentPaths } from './admin-agents.ts';
import { adminDeliveryPaths } from './admin-deliveries.ts';
import { adminJobPaths } from './admin-jobs.ts';
import { adminRunPaths } from './admin-runs.ts';
import { adminSessionPaths } from './admin-sessions.ts';
import { json, operation } from './operation.ts';
import type { JsonSchema } from './schema.ts';

/** `/admin/v1/...`, for keys of the role admin. */
export function adminPaths(): JsonSchema {
  return {
    '/admin/v1/explain': {
      post: operation('Who would answer a message, and why.', {
        id: 'explain',
        body: explainBodySchema,
        bodyIsOptional: true,
        examples: { chat: { platform: 'telegram', chatId: '42' } },
        answers: { 200: json('The agent or the refusal, and what took part in it.', explanationSchema) },
        fails: ['admin_required', 'agent_forbidden'],
      }),
    },
    '/admin/v1/snapshot': {
      get: operation('What this replica serves.', {
        id: 'readSnapshot',
        answers: { 200: json('The whole snapshot; credentials by name only.', snapshotSchema) },
        fails: ['admin_required'],
      }),
    },
    ...adminAgentPaths(),
    ...adminJobPaths(),
    ...adminRunPaths(),
    ...adminDeliveryPaths(),
    ...adminAgentDataPaths(),
    ...adminSessionPaths(),
  };
}

const inForce = { revision: z.string(), sequence: z.int() };

const candidate = z.object({
  route: z.string(),
  rule: z.string(),
  match: z.int(),
  priority: z.int(),
  specificity: z.int(),
  verdict: z.enum(['won', 'lost', 'no-match']),
  why: z.string(),
});

const told = {
  route: z.string().optional(),
  rule: z.string().optional(),
  reason: z.string(),
  candidates: z.array(candidate),
  omitted: z.int().min(0),
  ...inForce,
};

const explanationSchema = z.union([
  z.object({ outcome: z.literal('resolved'), agent: z.string(), via: z.string(), ...told }),
  z.object({
    outcome: z.literal('refused'),
    code: z.string(),
    message: z.string(),
    agent: z.string().optional(),
    ...told,
  }),
]);

const snapshotSchema = z.object({
  ...inForce,
  partial: z.literal(true).optional().describe('The key is of some Agents; this is what belongs to them.'),
  ...snapshotContentSchema.shape,
});

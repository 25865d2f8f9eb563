import { z } from 'zod';
import { json, operation } from './operation.ts';
import { idInPath } from './parameters.ts';
import type { JsonSchema } from './schema.ts';

/** `/v1/models` and `/v1/capabilities`. */
export function modelPaths(): JsonSchema {
  return {
    '/v1/models': {
      get: operation('The Agents that this key may call.', {
        id: 'listModels',
        answers: { 200: json('Every one, as a model.', listSchema) },
      }),
    },
    '/v1/models/{id}': {
      get: operation('One of them.', {
        id: 'readModel',
        parameters: [idInPath('`talaria/<name>`, or the bare name.')],
        answers: { 200: json('The Agent, as a model.', modelSchema) },
        fails: ['model_not_found', 'not_found'],
      }),
    },
    '/v1/capabilities': {
      get: operation('What this gateway offers.', {
        id: 'readCapabilities',
        answers: { 200: json('The paths, features, headers and bounds.', capabilitiesSchema) },
      }),
    },
  };
}

const modelSchema = z.object({
  id: z.string().regex(/^talaria\//),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.literal('talaria'),
  name: z.string().optional(),
  description: z.string().optional(),
});

const listSchema = z.object({ object: z.literal('list'), data: z.array(modelSchema) });

const features = z.looseObject({ available: z.boolean() });

const capabilitiesSchema = z.object({
  object: z.literal('capabilities'),
  version: z.string(),
  endpoints: z.array(z.object({ path: z.string(), methods: z.array(z.string()).min(1) })),
  features: z.record(z.string(), features),
  headers: z.array(z.string()),
  limits: z.object({ body_bytes: z.int(), headers_bytes: z.int(), header_characters: z.int() }),
  auth: z.array(z.enum(['agent_key', 'gateway_key', 'token', 'none'])),
});

import { z } from 'zod';
import { json, open } from './operation.ts';
import type { JsonSchema } from './schema.ts';

/** What needs no key. */
export function healthPaths(): JsonSchema {
  return {
    '/healthz': {
      get: open('The process answers.', {
        id: 'readHealth',
        answers: { 200: json('It does.', z.object({ status: z.literal('ok') })) },
      }),
    },
    '/readyz': {
      get: open('It has a snapshot and can route.', {
        id: 'readReadiness',
        answers: { 200: json('Ready.', readySchema), 503: json('Not ready, or as busy as it can be.', unreadySchema) },
      }),
    },
    '/metrics': {
      get: open('Metrics in the text format of Prometheus.', {
        id: 'readMetrics',
        answers: { 200: { description: 'Metrics.', content: { 'text/plain': { schema: { type: 'string' } } } } },
      }),
    },
    '/openapi.json': {
      get: open('This document.', {
        id: 'readOpenApi',
        answers: { 200: json('OpenAPI 3.1.', z.looseObject({ openapi: z.string() })) },
      }),
    },
  };
}

const readySchema = z.object({
  status: z.string(),
  revision: z.string().nullable(),
  state: z.enum(['available', 'unavailable']),
});

const unreadySchema = { anyOf: [z.toJSONSchema(readySchema, { io: 'input' }), { $ref: '#/components/schemas/Error' }] };

import { z } from 'zod';
import { responseBodySchema } from '../responses/response-schema.ts';
import { itemsQuerySchema, responseQuerySchema } from '../responses/stored-responses.ts';
import { bounds, routing, turnFailures } from './failures.ts';
import { event, json, jsonOrEvents, jsonText, linkTo, operation, shared } from './operation.ts';
import { idInPath, queryOf, turnHeaders } from './parameters.ts';
import { type JsonSchema, listOf, text } from './schema.ts';
import { deleted } from './sessions.ts';

/** `/v1/responses` and what is below it. */
export function responsePaths(): JsonSchema {
  const id = idInPath('The `id` of a response, `resp_...`.');
  const fails = ['response_not_found', 'not_found', 'unsupported_field'] as const;
  const found = json('The response.', shared('Response'), {
    delete: linkTo('deleteResponse'),
    input: linkTo('listInputItems'),
  });
  return {
    '/v1/responses': {
      post: operation('A response, stored in a session of its own or in that of the one it goes on from.', {
        id: 'createResponse',
        parameters: turnHeaders(),
        body: responseBodySchema,
        examples: { plain: { input: 'Is it raining?' } },
        answers: { 200: jsonOrEvents('The response; a stream with `stream`.', shared('Response'), streamEvent) },
        fails: [...routing, ...bounds, ...turnFailures, 'response_not_found', 'run_not_found', 'deliver_forbidden'],
      }),
    },
    '/v1/responses/{id}': {
      get: operation('A stored response.', {
        id: 'readResponse',
        parameters: [id, ...queryOf(responseQuerySchema)],
        answers: { 200: found },
        fails,
      }),
      delete: operation('Hides a stored response; what later ones need of it stays.', {
        id: 'deleteResponse',
        parameters: [id],
        answers: { 200: json('It is gone.', deleted('response')) },
        fails,
      }),
    },
    '/v1/responses/{id}/input_items': {
      get: operation("A page of a stored response's input items.", {
        id: 'listInputItems',
        parameters: [id, ...queryOf(itemsQuerySchema)],
        answers: { 200: json('A page.', listOf(z.looseObject({ id: z.string(), type: z.string() }))) },
        fails,
      }),
    },
  };
}

/** A response, as `#/components/schemas/Response`; the Open Responses specification has every field. */
export const responseSchema = z.looseObject({
  id: z.string().regex(/^resp_[0-9a-f]{32}$/),
  object: z.literal('response'),
  created_at: z.int(),
  completed_at: z.int().nullable(),
  status: z.enum(['queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled']),
  incomplete_details: z.object({ reason: z.string() }).nullable(),
  model: z.string().regex(/^talaria\//),
  previous_response_id: z.string().nullable(),
  conversation: z.object({ id: z.string() }).nullable(),
  output: z.array(z.looseObject({ id: z.string(), type: z.string() })),
  error: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
});

/** Named events, numbered by `sequence_number`, and `[DONE]`. */
const streamEvent = event({
  anyOf: [
    jsonText({
      type: 'object',
      required: ['type', 'sequence_number'],
      properties: { type: text, sequence_number: { type: 'integer', minimum: 0 } },
    }),
    { const: '[DONE]' },
  ],
});

import { type ErrorCode, errorTable } from '../../../core/lib/errors.ts';
import { type JsonSchema, text } from './schema.ts';

/** The shape of every error, as `#/components/schemas/Error`. */
export const errorSchema: JsonSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: text,
        type: text,
        param: { type: ['string', 'null'], description: 'The field or header at fault.' },
        code: { enum: Object.keys(errorTable) },
      },
    },
  },
};

/** The responses of an operation that may fail with these codes, by status; each says which codes it may carry. */
export function failures(codes: readonly ErrorCode[]): Readonly<Record<string, JsonSchema>> {
  const byStatus = Map.groupBy(new Set(codes), (code) => errorTable[code].http);
  return Object.fromEntries([...byStatus].map(([status, some]) => [String(status), failure(status, some)]));
}

/** What any request may be refused with, whatever its path. */
export const anyRequest: readonly ErrorCode[] = ['invalid_request', 'origin_refused', 'overloaded', 'internal_error'];

/** What a request that needs a key may be refused with besides. */
export const withKey: readonly ErrorCode[] = ['invalid_key', 'no_keys_configured', 'state_unavailable'];

/** What a request with a JSON body may be refused with besides. */
export const withBody: readonly ErrorCode[] = ['body_too_large', 'unsupported_field'];

/** What the choice of an agent may end with. */
export const routing: readonly ErrorCode[] = [
  'no_route',
  'model_not_found',
  'session_not_found',
  'agent_forbidden',
  'agent_suspended',
  'account_not_shared',
  'agent_not_found',
  'agent_not_ready',
  'route_expression_error',
  'agent_conflict',
  'invalid_header',
];

/** What the bounds of agents and keys, and a repeated request, may end with. */
export const bounds: readonly ErrorCode[] = [
  'rate_limited',
  'budget_exceeded',
  'session_busy',
  'idempotency_conflict',
  'idempotency_in_progress',
  'agent_replaced',
];

/** How a turn whose outcome the request waits for may fail. */
export const turnFailures: readonly ErrorCode[] = ['model_failed', 'run_unknown', 'run_interrupted'];

function failure(status: number, codes: readonly ErrorCode[]): JsonSchema {
  const coded = { properties: { error: { properties: { code: { enum: codes } } } } };
  const schema = { allOf: [{ $ref: '#/components/schemas/Error' }, coded] };
  return {
    description: codes.map((code) => `\`${code}\``).join(', '),
    ...(status === 429 || status === 503 ? { headers: { 'retry-after': retryAfter } } : {}),
    content: { 'application/json': { schema } },
  };
}

const retryAfter: JsonSchema = {
  description: 'Seconds after which the same request may do better.',
  required: true,
  schema: { type: 'integer', minimum: 0 },
};

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { errorTable } from '../../core/lib/errors.ts';
import { explainBodySchema } from './admin/explain.ts';
import { chatBodySchema } from './chat-body.ts';
import { talariaRequestHeaders } from './headers.ts';
import { responseBodySchema } from './response-schema.ts';
import {
  createBodySchema,
  forkBodySchema,
  listQuerySchema,
  renameBodySchema,
  itemsQuerySchema as sessionItemsQuerySchema,
} from './session-body.ts';
import { itemsQuerySchema, responseQuerySchema } from './stored-responses.ts';

/** `GET /openapi.json`: OpenAPI 3.1, made from the schemas that check the bodies. */
export function addOpenApi(app: FastifyInstance): void {
  const document = openApiDocument();
  app.get('/openapi.json', () => document);
}

/** The document; bodies come from zod, codes from the error table. */
export function openApiDocument(): object {
  return {
    openapi: '3.1.0',
    info: { title: 'Talaria', version: '1', description: 'The HTTP API of a Talaria gateway.' },
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } }, schemas: { Error: errorSchema } },
    security: [{ key: [] }],
    paths: {
      '/v1/chat/completions': {
        post: operation('A chat completion, stateless or as a turn of a session.', {
          parameters: talariaRequestHeaders.map(headerParameter),
          body: chatBodySchema,
        }),
      },
      '/v1/responses': {
        post: operation('A response, stored in a session of its own or in that of the one it goes on from.', {
          parameters: talariaRequestHeaders.map(headerParameter),
          body: responseBodySchema,
        }),
      },
      '/v1/responses/{id}': {
        get: operation('A stored response.', { parameters: [idParameter, ...queryParameters(responseQuerySchema)] }),
        delete: operation('Hides a stored response; what later ones need of it stays.', { parameters: [idParameter] }),
      },
      '/v1/responses/{id}/input_items': {
        get: operation("A page of a stored response's input items.", {
          parameters: [idParameter, ...queryParameters(itemsQuerySchema)],
        }),
      },
      '/v1/models': { get: operation('The Agents that this key may call.') },
      '/v1/models/{id}': {
        get: operation('One of them.', { parameters: [idParameter] }),
      },
      '/v1/capabilities': { get: operation('What this gateway offers.') },
      ...sessionPaths(),
      '/admin/v1/explain': { post: operation('Who would answer a message, and why.', { body: explainBodySchema }) },
      '/admin/v1/snapshot': { get: operation('What this replica serves.') },
      '/healthz': { get: open('The process answers.') },
      '/readyz': { get: open('It has a snapshot and can route.') },
      '/metrics': { get: open('Metrics in the text format of Prometheus.') },
      '/openapi.json': { get: open('This document.') },
    },
  };
}

function sessionPaths(): object {
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string', pattern: '^ses_[0-9a-f]{32}$' } };
  const ofOne = { parameters: [id] };
  const creates = { success: 201 };
  return {
    '/v1/sessions': {
      get: operation("This key's sessions, the newest first.", { parameters: queryParameters(listQuerySchema) }),
      post: operation('Makes a session of the Agent that routing chooses.', {
        parameters: [idempotencyKey, ...routingHeaders.map(headerParameter)],
        body: createBodySchema,
        ...creates,
      }),
    },
    '/v1/sessions/{id}': {
      get: operation('One of them.', ofOne),
      patch: operation('Changes its name or title.', { ...ofOne, body: renameBodySchema }),
      delete: operation('Deletes it with everything that was said.', ofOne),
    },
    '/v1/sessions/{id}/items': {
      get: operation('What was said and done.', { parameters: [id, ...queryParameters(sessionItemsQuerySchema)] }),
    },
    '/v1/sessions/{id}/export': { get: operation('The session and all its items as JSON lines.', ofOne) },
    '/v1/sessions/{id}/fork': {
      post: operation('Makes a session with what this one said, of the same Agent.', {
        parameters: [id, idempotencyKey],
        body: forkBodySchema,
        bodyIsOptional: true,
        ...creates,
      }),
    },
    '/v1/sessions/{id}/chat': {
      post: operation('A chat completion as a turn of the session, by its own Agent.', {
        parameters: [id, idempotencyKey],
        body: chatBodySchema,
      }),
    },
  };
}

const text = { type: 'string' };
const idParameter = { name: 'id', in: 'path', required: true, schema: text };

const idempotencyKey = {
  name: 'idempotency-key',
  in: 'header',
  description: 'A request that is sent again with its key is answered as the first one was, and does nothing twice.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

const routingHeaders = talariaRequestHeaders.filter((name) => /-(chat|user|thread)-id$/.test(name));

/** The parameters of a query, each with its schema. */
function queryParameters(schema: z.ZodObject): object[] {
  const { properties } = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' }) as {
    readonly properties: Readonly<Record<string, object>>;
  };
  return Object.entries(properties).map(([name, each]) => ({ name, in: 'query', schema: each }));
}

const errorSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: text,
        type: text,
        param: { type: ['string', 'null'] },
        code: { enum: Object.keys(errorTable) },
      },
    },
  },
};

function headerParameter(name: string): object {
  const later = name.endsWith('-session-key') ? { description: sessionKeyNote } : {};
  return { name, in: 'header', ...later, schema: { type: 'string', maxLength: 256 } };
}

const sessionKeyNote =
  "Scopes an agent's memory. Agents have no memory yet: a request with it is refused with `unsupported_field`.";

function operation(
  summary: string,
  parts: {
    readonly parameters?: readonly object[];
    readonly body?: z.ZodType;
    readonly bodyIsOptional?: boolean;
    readonly success?: number;
  } = {},
) {
  const { parameters, body, bodyIsOptional = false, success = 200 } = parts;
  const failure = {
    description: 'An error.',
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  };
  return {
    summary,
    ...(parameters ? { parameters } : {}),
    ...(body
      ? { requestBody: { required: !bodyIsOptional, content: { 'application/json': { schema: toSchema(body) } } } }
      : {}),
    responses: { [success]: { description: 'Success.' }, default: failure },
  };
}

function open(summary: string): object {
  return { summary, security: [], responses: { 200: { description: 'Success.' } } };
}

function toSchema(body: z.ZodType): object {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(body, {
    target: 'draft-2020-12',
    io: 'input',
    unrepresentable: 'any',
  });
  return schema;
}

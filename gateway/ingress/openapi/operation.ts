import type { z } from 'zod';
import type { ErrorCode } from '../../../core/lib/errors.ts';
import { anyRequest, failures, withBody, withKey } from './failures.ts';
import { type JsonSchema, toSchema } from './schema.ts';

export interface OperationParts {
  /** A name for generators of clients and for links; unique in the document. */
  readonly id?: string;
  readonly parameters?: readonly JsonSchema[];
  readonly body?: z.ZodType;
  /** A request without a body asks for the same as one with `{}`. */
  readonly bodyIsOptional?: boolean;
  /** Whole bodies that show what is meant, by name. */
  readonly examples?: Readonly<Record<string, unknown>>;
  /** Status -> what is answered with it; default: 200 without a word on its content. */
  readonly answers?: Readonly<Record<number, JsonSchema>>;
  /** Codes that it may fail with, beside those of every request of its kind. */
  readonly fails?: readonly ErrorCode[];
}

/** An operation that needs a key. */
export function operation(summary: string, parts: OperationParts = {}): JsonSchema {
  const { body, fails = [] } = parts;
  return described(summary, parts, [...anyRequest, ...withKey, ...(body ? withBody : []), ...fails]);
}

/** An operation that needs no key. */
export function open(summary: string, parts: OperationParts = {}): JsonSchema {
  return { ...described(summary, parts, [...anyRequest, ...(parts.fails ?? [])]), security: [] };
}

/** A JSON answer. `links` are OpenAPI's: what to do with the ids in it. */
export function json(description: string, schema: z.ZodType | JsonSchema, links?: JsonSchema): JsonSchema {
  return { description, content: { 'application/json': { schema: plain(schema) } }, ...(links ? { links } : {}) };
}

/** An answer that is JSON, or server-sent events when the request asks for a stream. */
export function jsonOrEvents(description: string, schema: z.ZodType | JsonSchema, event: JsonSchema): JsonSchema {
  const content = { 'application/json': { schema: plain(schema) }, 'text/event-stream': { schema: event } };
  return { description, content };
}

/** An answer of server-sent events, each of which fits `event`. */
export function events(description: string, event: JsonSchema): JsonSchema {
  return { description, content: { 'text/event-stream': { schema: event } } };
}

/** A server-sent event. In OpenAPI 3.1 the schema of a stream is that of each of its events. `data` is of text. */
export function event(data: JsonSchema, named: JsonSchema = {}): JsonSchema {
  return { type: 'object', required: ['data', ...Object.keys(named)], properties: { data, ...named } };
}

/** A text that is JSON. */
export function jsonText(schema: z.ZodType | JsonSchema): JsonSchema {
  return { type: 'string', contentMediaType: 'application/json', contentSchema: plain(schema) };
}

/** A link to an operation that takes an id of this answer in its path. */
export function linkTo(operationId: string, pointer = '/id'): JsonSchema {
  return { operationId, parameters: { id: `$response.body#${pointer}` } };
}

/** Names of schemas that all operations share. */
export function shared(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

function described(summary: string, parts: OperationParts, codes: readonly ErrorCode[]): JsonSchema {
  const {
    id,
    parameters,
    body,
    bodyIsOptional = false,
    examples,
    answers = { 200: { description: 'Success.' } },
  } = parts;
  const content = body && { schema: toSchema(body), ...(examples ? { examples: named(examples) } : {}) };
  return {
    ...(id ? { operationId: id } : {}),
    summary,
    ...(parameters ? { parameters } : {}),
    ...(content ? { requestBody: { required: !bodyIsOptional, content: { 'application/json': content } } } : {}),
    responses: { ...failures(codes), ...answers },
  };
}

function plain(schema: z.ZodType | JsonSchema): JsonSchema {
  return '_zod' in schema ? toSchema(schema as z.ZodType) : (schema as JsonSchema);
}

function named(examples: Readonly<Record<string, unknown>>): JsonSchema {
  return Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }]));
}

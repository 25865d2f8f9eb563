import { z } from 'zod';

/** A JSON Schema, or a part of an OpenAPI document. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export const text: JsonSchema = { type: 'string' };

/** The JSON Schema of a value as it goes over the wire, made from the zod schema that checks or describes it. */
export function toSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io: 'input',
    unrepresentable: 'any',
  });
  return rest;
}

/** A page of a list of what fits `entry`. */
export function listOf(entry: z.ZodType | JsonSchema): JsonSchema {
  return {
    type: 'object',
    required: ['object', 'data', 'first_id', 'last_id', 'has_more'],
    properties: {
      object: { const: 'list' },
      data: { type: 'array', items: '_zod' in entry ? toSchema(entry as z.ZodType) : entry },
      first_id: { type: ['string', 'null'] },
      last_id: { type: ['string', 'null'] },
      has_more: { type: 'boolean' },
    },
  };
}

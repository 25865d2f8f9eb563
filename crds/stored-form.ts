import { isRecord } from './problem.ts';
import type { SchemaNode } from './structural-schema.ts';

/**
 * A document as the API server sees it before it validates: a member that is null counts as absent, and a large whole
 * number, which YAML readers keep as bigint, is a number.
 */
export function asStored(value: unknown, schema: SchemaNode | undefined): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map((item) => asStored(item, schema?.items));
  if (!isRecord(value)) return value;
  const present = Object.entries(value).filter(([name, member]) => member !== null || !isKnown(schema, name));
  return Object.fromEntries(present.map(([name, member]) => [name, asStored(member, schema?.properties?.[name])]));
}

function isKnown(schema: SchemaNode | undefined, name: string): boolean {
  return schema?.properties !== undefined && Object.hasOwn(schema.properties, name);
}

import { closest } from '../core/lib/closest.ts';
import { isRecord, type Problem, pathText } from './problem.ts';
import type { SchemaNode } from './structural-schema.ts';

/** Every member of a document that the schema does not know, each with the nearest name that it does know. */
export function unknownFields(document: unknown, schema: SchemaNode): readonly Problem[] {
  const { properties = {} } = schema;
  return walk(document, { ...schema, properties: { ...properties, metadata: objectMeta } }, []);
}

function walk(value: unknown, schema: SchemaNode, path: readonly PropertyKey[]): Problem[] {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? [] : value.flatMap((item, index) => walk(item, items, [...path, index]));
  }
  const { properties } = schema;
  if (!isRecord(value) || properties === undefined) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return known === undefined ? [unknown([...path, name], properties)] : walk(member, known, [...path, name]);
  });
}

function unknown(path: readonly PropertyKey[], properties: Readonly<Record<string, SchemaNode>>): Problem {
  const known = Object.keys(properties);
  const name = String(path.at(-1));
  const near = closest(name, known);
  const cure = near === undefined ? `the fields here are ${known.join(', ')}` : `did you mean ${near}?`;
  return { path: pathText(path), reason: 'UnknownField', message: `unknown field "${name}"`, cure };
}

/** `metav1.ObjectMeta`, whose members the API server knows without the CRD. */
const objectMeta: SchemaNode = {
  properties: Object.fromEntries(
    [
      'name',
      'generateName',
      'namespace',
      'labels',
      'annotations',
      'uid',
      'resourceVersion',
      'generation',
      'creationTimestamp',
      'deletionTimestamp',
      'deletionGracePeriodSeconds',
      'ownerReferences',
      'finalizers',
      'managedFields',
      'selfLink',
    ].map((name) => [name, {}]),
  ),
};

import { z } from 'zod';
import { choice, fields, integer, label, mapList, objectName, patterned, text } from './field.ts';

/** The API group and version of all three kinds. */
export const apiVersion = 'talaria.dev/v1alpha1';

/** The three kinds, and where each one stands in URLs and on the command line. */
export const kinds = {
  Agent: { plural: 'agents', shortName: 'tag' },
  Route: { plural: 'routes', shortName: 'trt' },
  CronJob: { plural: 'cronjobs', shortName: 'tcj' },
} as const;
export type Kind = keyof typeof kinds;

/**
 * The part of ObjectMeta that Talaria reads. What only an API server can give is empty in a manifest: '' for uid,
 * resourceVersion and creationTimestamp, 0 for generation.
 */
export const metadataSchema = z.object({
  name: z.string(),
  namespace: z.string().default('default'),
  uid: z.string().default(''),
  generation: z.int().default(0),
  creationTimestamp: z.string().default(''),
  deletionTimestamp: z.string().optional(),
  resourceVersion: z.string().default(''),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
});

/** A reference to an object of the same namespace. */
export function reference(description: string) {
  return fields({ name: objectName('Name of the object, in the same namespace.') }, description);
}

/** A reference to an Agent of the same namespace. */
export function agentReference(description: string) {
  return fields({ name: label('Name of the Agent, in the same namespace.') }, description);
}

/** A reference to one key of a Secret of the same namespace. */
export function secretKeyReference(description: string) {
  return fields(
    {
      name: objectName('Name of the Secret, in the same namespace. It must be labelled talaria.dev/credentials=true.'),
      key: dataKey('Key of the Secret that holds the value.').default('key'),
    },
    description,
  );
}

/** The fields of an object whose text is either written in place or kept in a ConfigMap: exactly one of them is set. */
export const textSource = {
  inline: text(65_536, 'The text itself, at most 64 KiB. Exactly one of inline and configMapKeyRef is set.').optional(),
  configMapKeyRef: fields(
    {
      name: objectName('Name of the ConfigMap, in the same namespace. It must be labelled talaria.dev/source=true.'),
      key: dataKey('Key of the ConfigMap that holds the text.'),
    },
    'The text as one key of a ConfigMap. Exactly one of inline and configMapKeyRef is set.',
  ).optional(),
};

/** `metav1.Condition` as every kind's status holds it. */
export const conditions = mapList(
  fields(
    {
      type: patterned(/^[A-Za-z][A-Za-z0-9]*$/, 316, 'must be a CamelCase word', 'What the condition is about.'),
      status: choice(['True', 'False', 'Unknown'], 'Whether the condition holds.'),
      reason: patterned(
        /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/,
        1024,
        'must be a CamelCase word',
        'Why, as one CamelCase word that programs may rely on.',
      ),
      message: text(32_768, 'Why, for people, with the cure.', 0),
      lastTransitionTime: z
        .string()
        .meta({ description: 'When status last changed.', format: 'date-time', maxLength: 64 }),
      observedGeneration: integer(0, Number.MAX_SAFE_INTEGER, 'The generation of the object this is about.').optional(),
    },
    'One condition.',
  ),
  'type',
  { max: 32 },
  'What is known about the object. docs/reference/api.md lists every type and reason.',
);

/** The generation a status is about. -1 until the operator has seen the object, so that nobody takes a fresh one for finished. */
export const observedGeneration = integer(
  -1,
  Number.MAX_SAFE_INTEGER,
  'The newest generation that the operator has acted on; -1 before it has seen the object.',
).default(-1);

/** A point in time in a status. */
export function instant(description: string) {
  return z.string().meta({ description, format: 'date-time', maxLength: 64 });
}

function dataKey(description: string) {
  return patterned(/^[-._a-zA-Z0-9]+$/, 253, 'must be letters, digits, "-", "_" and "."', description);
}

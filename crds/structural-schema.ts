import { z } from 'zod';
import { agentSchema } from './agent.ts';
import type { Kind } from './common.ts';
import { cronJobSchema } from './cron-job.ts';
import { routeSchema } from './route.ts';
import { crdMessage, type RefusedRule } from './rules/rule.ts';
import { rules } from './rules.ts';

/** The zod schema of each kind: the source of truth. */
export const kindSchemas = { Agent: agentSchema, Route: routeSchema, CronJob: cronJobSchema } as const;

/** A node of an OpenAPI schema as a CRD may hold it. */
export interface SchemaNode {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  description?: string;
  default?: unknown;
  properties?: Record<string, SchemaNode>;
  required?: string[];
  items?: SchemaNode;
  enum?: string[];
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-validations'?: Validation[];
}

interface Validation {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

/**
 * The schema of a kind in the form that CRDs need: structural, with descriptions, list types, defaults and the CEL rules.
 * It is built once; callers must not change it.
 */
export function structuralSchema(kind: Kind): SchemaNode {
  const schema = built.get(kind) ?? build(kind);
  built.set(kind, schema);
  return schema;
}

/**
 * The node of a path such as `spec.rules[].matches[]`; '' is the root. Throws when there is none, since paths are
 * written by us.
 */
export function nodeAt(root: SchemaNode, path: string): SchemaNode {
  const steps = path.split(/\.|(?=\[\])/).filter((step) => step !== '');
  return steps.reduce<SchemaNode>((node, step) => {
    const next = step === '[]' ? node.items : node.properties?.[step];
    if (next === undefined) throw new Error(`the schema has no ${path}: "${step}" is missing`);
    return next;
  }, root);
}

const built = new Map<Kind, SchemaNode>();

function build(kind: Kind): SchemaNode {
  const { properties = {} } = readable(fromZod(kind));
  const { spec = {}, status = {} } = properties;
  const root: SchemaNode = {
    type: 'object',
    description: spec.description ?? '',
    ...(spec.default === undefined ? { required: ['spec'] } : {}),
    properties: {
      apiVersion: { type: 'string', description: 'Group and version of the kind: talaria.dev/v1alpha1.' },
      kind: { type: 'string', description: `The kind: ${kind}.` },
      metadata: { type: 'object', properties: { name: { type: 'string' } } },
      spec,
      status: { ...status, default: { observedGeneration: -1 } },
    },
  };
  for (const rule of rules[kind].refused) attach(root, rule);
  return root;
}

function fromZod(kind: Kind): SchemaNode {
  return z.toJSONSchema(kindSchemas[kind], {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
  }) as SchemaNode;
}

/** Drops what says nothing: an empty list is the same as none, and `minItems: 0` the same as no bound. */
function readable(node: SchemaNode): SchemaNode {
  const { default: preset, minItems, properties, items, ...rest } = node;
  return {
    ...rest,
    ...(preset === undefined || (Array.isArray(preset) && preset.length === 0) ? {} : { default: preset }),
    ...(minItems === undefined || minItems === 0 ? {} : { minItems }),
    ...(properties === undefined ? {} : { properties: mapValues(properties, readable) }),
    ...(items === undefined ? {} : { items: readable(items) }),
  };
}

function attach(root: SchemaNode, rule: RefusedRule): void {
  for (const path of rule.at) {
    const node = nodeAt(root, path);
    node['x-kubernetes-validations'] ??= [];
    node['x-kubernetes-validations'].push({
      rule: rule.cel,
      message: crdMessage(rule),
      ...(rule.field === undefined ? {} : { fieldPath: rule.field }),
    });
  }
}

function mapValues<T>(record: Readonly<Record<string, T>>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

import { z } from 'zod';
import type { ConfigMap, Secret } from '../core/kube/resources.ts';
import type { KubeObject } from '../core/kube/types.ts';
import { createInterner } from '../core/lib/intern.ts';
import { agentSchema } from '../crds/agent.ts';
import { type Kind, metadataSchema } from '../crds/common.ts';
import { cronJobSchema } from '../crds/cron-job.ts';
import { limitedFields } from '../crds/limited.ts';
import { type Route, routeSchema } from '../crds/route.ts';
import { ruleProblems } from '../crds/rule-problems.ts';
import type { ObjectOf } from '../crds/rules.ts';
import { acceptance } from '../crds/verdict.ts';
import type { ConfigMapResource, Declared, Rejection, SecretResource } from './resources.ts';
import { faultRejection } from './translate/fault.ts';

/** Labels that give Talaria leave to use an object. */
export const credentialsLabel = 'talaria.dev/credentials';
export const gatewayKeyLabel = 'talaria.dev/gateway-key';
export const sourceLabel = 'talaria.dev/source';
/** Annotation of a CronJob: a new value runs it now. */
export const runAtAnnotation = 'talaria.dev/run-at';

const annotationPrefix = 'talaria.dev/';
const schemas = { Agent: agentSchema, Route: routeSchema, CronJob: cronJobSchema };

/**
 * Reads an object as the API server or a manifest has it: unknown fields are ignored, defaults applied, and its own
 * validity decided. Never throws because of what somebody wrote into the object.
 */
export async function declare<K extends Kind>(kind: K, raw: KubeObject): Promise<Declared<ObjectOf[K]>> {
  const metadata = metadataSchema.parse(raw.metadata);
  return deepFreeze({
    kind,
    name: metadata.name,
    namespace: metadata.namespace,
    uid: metadata.uid,
    generation: metadata.generation,
    createdAt: metadata.creationTimestamp,
    suspend: suspended.safeParse(raw).success,
    runAt: kind === 'CronJob' ? metadata.annotations[runAtAnnotation] : undefined,
    ...(await judged(kind, raw)),
  });
}

async function judged<K extends Kind>(
  kind: K,
  raw: KubeObject,
): Promise<Pick<Declared<ObjectOf[K]>, 'spec' | 'rejection' | 'limited'>> {
  try {
    const { object, problem } = read(kind, raw);
    if (object === undefined) return { spec: undefined, rejection: problem, limited: [] };
    return { spec: withSharedRefs(object), rejection: await rejectionOf(object), limited: limitedFields(object) };
  } catch (error) {
    return { spec: undefined, rejection: faultRejection(error), limited: [] };
  }
}

/** Reads a Secret; what its owner did not label stays unread. */
export function declareSecret({ metadata, data = {} }: Secret): SecretResource {
  const credentials = metadata.labels?.[credentialsLabel] === 'true';
  const gatewayKey = metadata.labels?.[gatewayKeyLabel] === 'true';
  return deepFreeze({
    name: metadata.name,
    namespace: metadata.namespace ?? 'default',
    uid: metadata.uid ?? '',
    createdAt: metadata.creationTimestamp ?? '',
    credentials,
    gatewayKey,
    annotations: credentials || gatewayKey ? ownAnnotations(metadata.annotations ?? {}) : {},
    data: credentials || gatewayKey ? { ...data } : {},
  });
}

/** Reads a ConfigMap; what its owner did not label stays unread. */
export function declareConfigMap({ metadata, data = {} }: ConfigMap): ConfigMapResource {
  const source = metadata.labels?.[sourceLabel] === 'true';
  return deepFreeze({ name: metadata.name, source, data: source ? { ...data } : {} });
}

const suspended = z.object({ spec: z.object({ suspend: z.literal(true) }) });

const olderCrds = 'the CRDs in the cluster may be older than the operator; apply those of its release';

function read<K extends Kind>(kind: K, raw: KubeObject): { object?: ObjectOf[K]; problem?: Rejection } {
  const parsed = schemas[kind].safeParse(withoutStatus(raw));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { problem: invalid(issue?.path.join('.') ?? '', issue?.message ?? 'does not fit the schema') };
  }
  const [broken] = ruleProblems(kind, parsed.data, undefined);
  if (broken !== undefined) return { problem: invalid(broken.path, broken.message) };
  return { object: parsed.data as unknown as ObjectOf[K] };
}

/** Equal lists of Agents are one value: of tens of thousands of rules many name the same. */
function withSharedRefs<T extends ObjectOf[Kind]>({ spec }: T): T['spec'] {
  if (!('rules' in spec)) return spec;
  return { ...spec, rules: spec.rules.map((rule) => ({ ...rule, agentRefs: internRefs(rule.agentRefs) })) };
}

const internRefs = createInterner<Route['spec']['rules'][number]['agentRefs']>();

/** There are thousands of objects, and only their spec is asked for. */
function withoutStatus(raw: KubeObject): object {
  const { name, uid, generation, annotations } = raw.metadata;
  return { ...raw, metadata: { name, uid, generation, annotations }, status: undefined };
}

/** The API server refuses such an object, unless its CRDs were changed or are of another release. */
function invalid(path: string, message: string): Rejection {
  return { reason: 'InvalidSpec', message: `${path}: ${message}; ${olderCrds}.` };
}

async function rejectionOf(object: ObjectOf[Kind]): Promise<Rejection | undefined> {
  const [finding] = await acceptance(object);
  if (finding === undefined) return undefined;
  const parts = [finding.message, finding.cure].map((part) => part.replace(/\.$/, '')).filter((part) => part !== '');
  return { reason: finding.reason, message: `${finding.path}: ${parts.join('; ')}.` };
}

function ownAnnotations(annotations: Readonly<Record<string, string>>): Record<string, string> {
  const own = Object.entries(annotations).filter(([name]) => name.startsWith(annotationPrefix));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(annotationPrefix.length), value]));
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}

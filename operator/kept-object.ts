import { fieldManagersOf } from '../core/kube/field-managers.ts';
import type { KubeMetadata, KubeObject } from '../core/kube/types.ts';
import { createInterner } from '../core/lib/intern.ts';
import { runAtAnnotation } from './declare.ts';
import { type Condition, operatorTypes } from './object-status.ts';

interface Declaration extends KubeObject {
  readonly spec?: unknown;
  readonly status?: { readonly conditions?: readonly Condition[]; readonly [field: string]: unknown };
}

/**
 * What is kept of an Agent, Route or CronJob, of which there are thousands: without labels and what kubectl applied, of the
 * managed fields the names of the managers, and of the status only what the operator writes. `known` is what was kept of the
 * object before: while its generation is the same, so is its spec. Equal conditions are one object as a rule.
 */
export function keptObject(object: Declaration, known: Declaration | undefined): KubeObject {
  const { apiVersion, kind, metadata, status } = object;
  const kept = { apiVersion, kind, metadata: keptMetadata(metadata), spec: object.spec, status: keptStatus(status) };
  if (known?.metadata.uid === metadata.uid && known?.metadata.generation === metadata.generation) {
    kept.spec = known?.spec;
  }
  return kept as KubeObject;
}

function keptMetadata(metadata: KubeMetadata): KubeMetadata {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp } = metadata;
  const runAt = metadata.annotations?.[runAtAnnotation];
  const annotations = runAt === undefined ? undefined : { [runAtAnnotation]: runAt };
  return {
    name,
    namespace,
    uid,
    resourceVersion,
    generation,
    creationTimestamp,
    deletionTimestamp,
    annotations,
    fieldManagers: fieldManagersOf(metadata),
  } as KubeMetadata;
}

/** Lists in a status are of the gateways. */
function keptStatus(status: Declaration['status']): Declaration['status'] {
  if (status === undefined) return undefined;
  const { conditions = [], ...fields } = status;
  const plain = Object.entries(fields).filter(([, value]) => typeof value !== 'object');
  const own = conditions.filter(({ type }) => operatorTypes.includes(type)).map(intern);
  return { ...Object.fromEntries(plain), conditions: own };
}

/** Nearly all of many objects have the same few conditions. */
const intern = createInterner<Condition>();

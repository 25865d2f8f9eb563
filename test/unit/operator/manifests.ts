import type { ConfigMap, Secret } from '../../../core/kube/resources.ts';
import type { KubeObject } from '../../../core/kube/types.ts';
import { sha256 } from '../../../core/lib/hash.ts';
import { structuralSchema } from '../../../crds/structural-schema.ts';
import { unknownFields } from '../../../crds/unknown-fields.ts';
import { declare, declareConfigMap, declareSecret } from '../../../operator/declare.ts';
import type { Resources } from '../../../operator/resources.ts';

/** A manifest of a test: Secrets may have `stringData`; uid, generation and creationTimestamp have defaults. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: KubeObject['metadata'];
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** Manifests as the operator's cache would hold them. Throws on a kind or a field that does not exist. */
export async function resourcesOf(manifests: readonly Manifest[]): Promise<Resources> {
  const stored = manifests.map(asStored);
  const of = (kind: string) => stored.filter((object) => object.kind === kind);
  const known = ['Agent', 'Route', 'CronJob', 'Secret', 'ConfigMap'];
  const odd = stored.find((object) => !known.includes(object.kind));
  if (odd !== undefined) throw new Error(`${odd.kind} is none of ${known.join(', ')}`);
  return {
    agents: await Promise.all(of('Agent').map((object) => declare('Agent', strict('Agent', object)))),
    routes: await Promise.all(of('Route').map((object) => declare('Route', strict('Route', object)))),
    cronJobs: await Promise.all(of('CronJob').map((object) => declare('CronJob', strict('CronJob', object)))),
    secrets: of('Secret').map((object) => declareSecret(object as Secret)),
    configMaps: of('ConfigMap').map((object) => declareConfigMap(object as ConfigMap)),
  };
}

function asStored(manifest: Manifest): Manifest & KubeObject {
  const { kind, metadata, stringData, ...rest } = manifest;
  const encoded = Object.entries(stringData ?? {}).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return {
    apiVersion: ['Secret', 'ConfigMap'].includes(kind) ? 'v1' : 'talaria.dev/v1alpha1',
    kind,
    ...rest,
    metadata: {
      namespace: 'team',
      uid: uidOf(kind, metadata.name),
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...metadata,
    },
    ...(stringData === undefined ? {} : { data: { ...rest.data, ...Object.fromEntries(encoded) } }),
  };
}

/** A uid that stays the same over runs. */
export function uidOf(kind: string, name: string): string {
  return sha256(`${kind}/${name}`).slice(0, 12);
}

function strict<T extends KubeObject>(kind: 'Agent' | 'Route' | 'CronJob', object: T): T {
  const [problem] = unknownFields(object, structuralSchema(kind));
  if (problem !== undefined) throw new Error(`${kind} ${object.metadata.name}: ${problem.path}: ${problem.message}`);
  return object;
}

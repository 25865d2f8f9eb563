import type { Change } from '../core/kube/object-store.ts';
import { createReflector, type Reflector } from '../core/kube/reflector.ts';
import { createReflectorGroup, type ReflectorGroup } from '../core/kube/reflector-group.ts';
import {
  agents,
  type ConfigMap,
  configMaps,
  cronJobs,
  type Lease,
  leases,
  routes,
  type Secret,
  secrets,
} from '../core/kube/resources.ts';
import type { KubeClient, KubeObject, KubeResource } from '../core/kube/types.ts';
import type { Clock } from '../core/lib/clock.ts';
import type { Logger } from '../core/lib/log.ts';
import type { Kind } from '../crds/common.ts';
import { credentialsLabel, gatewayKeyLabel, sourceLabel } from './declare.ts';
import { keptObject } from './kept-object.ts';

/** Copies of everything in the namespace that the operator acts on. */
export interface Watch extends ReflectorGroup {
  /** Agents, Routes and CronJobs. */
  readonly declared: Readonly<Record<Kind, Reflector<KubeObject>>>;
  readonly secrets: Reflector<Secret>;
  readonly configMaps: Reflector<ConfigMap>;
}

export interface WatchOptions {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly onDeclared: (kind: Kind, change: Change<KubeObject>) => void;
  readonly onSecret: (change: Change<Secret>) => void;
  readonly onConfigMap: (change: Change<ConfigMap>) => void;
  readonly onLease: (change: Change<Lease>) => void;
  /** A relist found what the watch of a resource had lost. */
  readonly onMissed: (resource: string, count: number) => void;
  readonly onFailure: (resource: string) => void;
  readonly log: Logger;
  readonly clock: Clock;
}

export function createWatch(options: WatchOptions): Watch {
  const { client, log, clock } = options;
  const reflect = <T extends KubeObject>(
    resource: KubeResource<T>,
    onChange: (change: Change<T>) => void,
    trim?: (object: T, known: T | undefined) => T,
  ): Reflector<T> =>
    createReflector({
      client,
      resource,
      onChange,
      trim,
      onMissed: (count) => options.onMissed(resource.plural, count),
      onFailure: () => options.onFailure(resource.plural),
      log,
      clock,
    });

  const declared = {
    Agent: reflect(agents, (change) => options.onDeclared('Agent', change), keptObject),
    Route: reflect(routes, (change) => options.onDeclared('Route', change), keptObject),
    CronJob: reflect(cronJobs, (change) => options.onDeclared('CronJob', change), keptObject),
  };
  const copies = {
    secrets: reflect(secrets, options.onSecret, withoutForeignSecret),
    configMaps: reflect(configMaps, options.onConfigMap, withoutForeignConfigMap),
  };
  const all = [...Object.values(declared), ...Object.values(copies), reflect(leases, options.onLease)];
  return {
    declared,
    ...copies,
    ...createReflectorGroup(all),
  };
}

/** Values of Secrets that nobody gave to Talaria are not kept in memory; of our own shards the version is enough. */
function withoutForeignSecret({ data, ...secret }: Secret): Secret {
  const given = isLabelled(secret, credentialsLabel) || isLabelled(secret, gatewayKeyLabel);
  return given && data !== undefined ? { ...secret, data } : secret;
}

/** Texts of ConfigMaps that nobody gave to Talaria are not kept in memory; of our own buckets the version is enough. */
function withoutForeignConfigMap({ data, binaryData, ...configMap }: ConfigMap): ConfigMap {
  return isLabelled(configMap, sourceLabel) && data !== undefined ? { ...configMap, data } : configMap;
}

function isLabelled({ metadata }: KubeObject, label: string): boolean {
  return metadata.labels?.[label] === 'true';
}

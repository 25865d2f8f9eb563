import type { KubeObject, KubeResource } from './types.ts';

/** Describes one kind of object. `apiVersion` is `v1` or `<group>/<version>`. */
export function kubeResource<T extends KubeObject = KubeObject>(
  apiVersion: string,
  kind: string,
  plural: string,
  scope: 'namespaced' | 'cluster' = 'namespaced',
): KubeResource<T> {
  const [first, second] = apiVersion.split('/');
  return {
    group: second === undefined ? '' : (first ?? ''),
    version: second ?? first ?? '',
    kind,
    plural,
    namespaced: scope === 'namespaced',
  };
}

/** `v1` or `<group>/<version>`, as objects carry it. */
export function apiVersionOf(resource: KubeResource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** The path of a collection, or with `name` of one object, or with `subresource` of a part of it. */
export function resourcePath(resource: KubeResource, namespace: string, name?: string, subresource?: string): string {
  const base = resource.group === '' ? '/api' : `/apis/${resource.group}`;
  const scope = resource.namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  const part = subresource === undefined ? '' : `/${subresource}`;
  return `${base}/${resource.version}${scope}/${resource.plural}${object}${part}`;
}

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  /** Base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

export interface Secret extends KubeObject {
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string | undefined;
    readonly leaseDurationSeconds?: number;
    /** Six digits after the second: see micro-time.ts. */
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export const configMaps = kubeResource<ConfigMap>('v1', 'ConfigMap', 'configmaps');
export const secrets = kubeResource<Secret>('v1', 'Secret', 'secrets');
export const leases = kubeResource<Lease>('coordination.k8s.io/v1', 'Lease', 'leases');
export const namespaces = kubeResource('v1', 'Namespace', 'namespaces', 'cluster');
export const deployments = kubeResource('apps/v1', 'Deployment', 'deployments');
export const events = kubeResource('events.k8s.io/v1', 'Event', 'events');

export const agents = kubeResource('talaria.dev/v1alpha1', 'Agent', 'agents');
export const routes = kubeResource('talaria.dev/v1alpha1', 'Route', 'routes');
export const cronJobs = kubeResource('talaria.dev/v1alpha1', 'CronJob', 'cronjobs');

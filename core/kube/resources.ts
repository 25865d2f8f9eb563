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

export interface PersistentVolumeClaim extends KubeObject {
  readonly spec?: {
    readonly accessModes?: readonly string[];
    readonly resources?: { readonly requests?: { readonly storage?: string } };
    readonly storageClassName?: string;
    /** The PersistentVolume, once there is one. */
    readonly volumeName?: string;
  };
  readonly status?: { readonly phase?: string };
}

/** What is read of a pod template. */
export interface PodTemplate {
  readonly spec?: {
    readonly containers?: readonly {
      readonly name: string;
      readonly volumeMounts?: readonly {
        readonly name: string;
        readonly mountPath: string;
        readonly subPath?: string;
      }[];
    }[];
    readonly volumes?: readonly {
      readonly name: string;
      readonly persistentVolumeClaim?: { readonly claimName: string };
    }[];
  };
}

export interface Deployment extends KubeObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly strategy?: { readonly type?: string };
    readonly template?: PodTemplate;
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
  };
}

export interface ReplicaSet extends KubeObject {
  readonly spec?: { readonly replicas?: number; readonly template?: PodTemplate };
  readonly status?: { readonly replicas?: number };
}

/** What is read of a pod. */
export interface Pod extends KubeObject {
  readonly spec?: NonNullable<PodTemplate['spec']>;
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
    readonly containerStatuses?: readonly {
      readonly state?: { readonly waiting?: { readonly reason?: string } };
    }[];
  };
}

export interface KubeEvent extends KubeObject {
  readonly reason?: string;
  readonly note?: string;
  readonly regarding?: { readonly kind?: string; readonly name?: string; readonly uid?: string };
}

export const configMaps = kubeResource<ConfigMap>('v1', 'ConfigMap', 'configmaps');
export const secrets = kubeResource<Secret>('v1', 'Secret', 'secrets');
export const leases = kubeResource<Lease>('coordination.k8s.io/v1', 'Lease', 'leases');
export const namespaces = kubeResource('v1', 'Namespace', 'namespaces', 'cluster');
export const deployments = kubeResource<Deployment>('apps/v1', 'Deployment', 'deployments');
export const replicaSets = kubeResource<ReplicaSet>('apps/v1', 'ReplicaSet', 'replicasets');
export const pods = kubeResource<Pod>('v1', 'Pod', 'pods');
export const persistentVolumeClaims = kubeResource<PersistentVolumeClaim>(
  'v1',
  'PersistentVolumeClaim',
  'persistentvolumeclaims',
);
export const events = kubeResource<KubeEvent>('events.k8s.io/v1', 'Event', 'events');

export const agents = kubeResource('talaria.dev/v1alpha1', 'Agent', 'agents');
export const routes = kubeResource('talaria.dev/v1alpha1', 'Route', 'routes');
export const cronJobs = kubeResource('talaria.dev/v1alpha1', 'CronJob', 'cronjobs');

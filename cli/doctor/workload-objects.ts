import { kubeResource } from '../../core/kube/resources.ts';
import type { KubeObject } from '../../core/kube/types.ts';

/** A condition of an object of Kubernetes. */
export interface KubeCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface Deployment extends KubeObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly availableReplicas?: number; readonly conditions?: readonly KubeCondition[] };
}

interface ContainerEnd {
  readonly reason?: string;
  readonly exitCode?: number;
  readonly message?: string;
}

export interface ContainerStatus {
  readonly name: string;
  readonly restartCount?: number;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly terminated?: ContainerEnd;
  };
  readonly lastState?: { readonly terminated?: ContainerEnd };
}

export interface Pod extends KubeObject {
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly KubeCondition[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export interface Claim extends KubeObject {
  readonly spec?: { readonly storageClassName?: string };
  readonly status?: { readonly phase?: string };
}

export const deployments = kubeResource<Deployment>('apps/v1', 'Deployment', 'deployments');
export const pods = kubeResource<Pod>('v1', 'Pod', 'pods');
export const claims = kubeResource<Claim>('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims');

/** The label by which the chart marks every pod of Talaria, and the one that says which component it is. */
export const podSelector = 'app.kubernetes.io/name=talaria';
const componentLabel = 'app.kubernetes.io/component';

/** `operator`, `gateway` or `trial-database`; '' for a pod of something else. */
export function componentOf({ metadata }: Pod): string {
  return metadata.labels?.[componentLabel] ?? '';
}

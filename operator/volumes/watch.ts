import { createReflector, type Reflector } from '../../core/kube/reflector.ts';
import { createReflectorGroup, type ReflectorGroup } from '../../core/kube/reflector-group.ts';
import {
  type Deployment,
  deployments,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  pods,
  type ReplicaSet,
  replicaSets,
} from '../../core/kube/resources.ts';
import type { KubeClient, KubeMetadata, KubeObject, KubeResource, Selection } from '../../core/kube/types.ts';
import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import { gatewayDeployment } from './gateway-template.ts';

/** Selects the gateways' pods and ReplicaSets. */
const gatewaySelector = 'app.kubernetes.io/name=talaria,app.kubernetes.io/component=gateway';

/** Copies of what the volumes of agents depend on. */
export interface VolumeWatch extends ReflectorGroup {
  readonly claims: Reflector<PersistentVolumeClaim>;
  readonly deployments: Reflector<Deployment>;
  readonly replicaSets: Reflector<ReplicaSet>;
  readonly pods: Reflector<Pod>;
}

export interface VolumeWatchOptions {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly onChange: () => void;
  readonly onMissed: (resource: string, count: number) => void;
  readonly onFailure: (resource: string) => void;
  readonly log: Logger;
  readonly clock: Clock;
}

/** Makes a VolumeWatch of one namespace; of Deployments it has that of the gateways alone. */
export function createVolumeWatch(options: VolumeWatchOptions): VolumeWatch {
  const reflect = <T extends KubeObject>(
    resource: KubeResource<T>,
    selection: Selection = {},
    trim?: (object: T) => T,
  ): Reflector<T> =>
    createReflector({
      ...selection,
      client: options.client,
      resource,
      trim,
      onChange: options.onChange,
      onMissed: (count) => options.onMissed(resource.plural, count),
      onFailure: () => options.onFailure(resource.plural),
      log: options.log,
      clock: options.clock,
    });
  const copies = {
    claims: reflect(persistentVolumeClaims),
    deployments: reflect(deployments, { fieldSelector: `metadata.name=${gatewayDeployment}` }),
    replicaSets: reflect(replicaSets, { labelSelector: gatewaySelector }, withoutContainers),
    pods: reflect(pods, { labelSelector: gatewaySelector }),
  };
  return {
    ...copies,
    ...createReflectorGroup(Object.values(copies)),
  };
}

/** What runs in the pods is not asked for, and each ReplicaSet of the past says it again. */
function withoutContainers({ metadata, spec, status, ...rest }: ReplicaSet): ReplicaSet {
  const { volumes = [], containers = [] } = spec?.template?.spec ?? {};
  const mounts = containers.map(({ name, volumeMounts = [] }) => ({ name, volumeMounts }));
  const template = { spec: { volumes, containers: mounts } };
  const kept = { ...metadata, annotations: undefined };
  return {
    ...rest,
    metadata: kept as unknown as KubeMetadata,
    spec: { replicas: spec?.replicas ?? 0, template },
    ...(status && { status }),
  };
}

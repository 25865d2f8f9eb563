import type { PersistentVolumeClaim } from '../../core/kube/resources.ts';
import type { Written } from '../../core/kube/types.ts';
import type { VolumeWish } from './wishes.ts';

/** Labels of a claim. The first one is also what makes an existing claim usable by the Agent that it names. */
export const agentLabel = 'talaria.dev/agent';
export const agentUidLabel = 'talaria.dev/agent-uid';
export const reclaimLabel = 'talaria.dev/reclaim';
/** Annotation of a claim: a new value lets a volume be tried again that gateways could not start with. */
export const retryAnnotation = 'talaria.dev/retry-at';

const managedByLabel = 'app.kubernetes.io/managed-by';
const operator = 'talaria-operator';

/** The claim that the operator makes. It has no owner, so that it outlives the Agent. */
export function newClaim(wish: VolumeWish): Written<PersistentVolumeClaim> {
  const { size = '', storageClassName, accessMode } = wish.volume;
  return {
    metadata: {
      name: wish.claimName,
      labels: {
        'app.kubernetes.io/name': 'talaria',
        'app.kubernetes.io/part-of': 'talaria',
        [managedByLabel]: operator,
        [agentLabel]: wish.agent,
        ...changingLabels(wish),
      },
    },
    spec: {
      accessModes: [accessMode],
      resources: { requests: { storage: size } },
      ...(storageClassName !== undefined && { storageClassName }),
    },
  };
}

/** The labels that follow the Agent. */
export function changingLabels({ uid, volume }: VolumeWish): Readonly<Record<string, string>> {
  return { [agentUidLabel]: uid, [reclaimLabel]: volume.reclaimPolicy };
}

/** Whether the operator made it: only such a claim is relabelled and deleted. */
export function isManaged({ metadata }: PersistentVolumeClaim): boolean {
  return metadata.labels?.[managedByLabel] === operator && metadata.labels[reclaimLabel] !== undefined;
}

/** The Agent that may use it; undefined: none. */
export function agentOf({ metadata }: PersistentVolumeClaim): string | undefined {
  return metadata.labels?.[agentLabel];
}

/** Whether it has its volume. */
export function isBound({ status }: PersistentVolumeClaim): boolean {
  return status?.phase === 'Bound';
}

/** Pods that name it cannot start any more, or soon: it has lost its volume or is being deleted. */
export function isLeaving({ metadata, status }: PersistentVolumeClaim): boolean {
  return metadata.deletionTimestamp !== undefined || status?.phase === 'Lost';
}

/** Whether only one pod may be sure to mount it. */
export function isForOnePod({ spec }: PersistentVolumeClaim): boolean {
  return spec?.accessModes?.includes('ReadWriteMany') !== true;
}

/**
 * What must change before a volume that gateways could not start with is tried again. An Agent's own fields are no part of
 * it: whoever may only write Agents must not be able to start rollout after rollout.
 */
export function trialKey({ metadata, status }: PersistentVolumeClaim): string {
  return [metadata.uid, status?.phase, metadata.annotations?.[retryAnnotation] ?? ''].join(' ');
}

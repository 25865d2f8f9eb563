import type { KubeObject } from '../../core/kube/types.ts';

/** What Flux, `helm --wait` and kpt take an object for. */
export type KStatus = 'Current' | 'InProgress' | 'Failed' | 'Terminating';

interface WithStatus extends KubeObject {
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/**
 * The rules of kstatus for a kind that it has no rules of its own for, from the documentation of
 * sigs.k8s.io/cli-utils/pkg/kstatus: deletion first, then a generation that nobody has observed, then the first of the
 * conditions Reconciling and Stalled that is True, then a Ready that is not True; what is left is current.
 */
export function kstatus({ metadata, status = {} }: WithStatus): KStatus {
  const { observedGeneration, conditions = [] } = status;
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (observedGeneration !== undefined && observedGeneration !== metadata.generation) return 'InProgress';
  const abnormal = conditions.find(
    ({ type, status: value }) => ['Reconciling', 'Stalled'].includes(type) && value === 'True',
  );
  if (abnormal !== undefined) return abnormal.type === 'Stalled' ? 'Failed' : 'InProgress';
  const ready = conditions.find(({ type }) => type === 'Ready');
  return ready === undefined || ready.status === 'True' ? 'Current' : 'InProgress';
}

import type { Deployment } from '../../core/kube/resources.ts';
import { isFinished } from './gateway-template.ts';

/** Tells for how long a rollout has not come any further, on this process' own clock. */
export interface Standstill {
  /** In milliseconds; undefined when there is none. Ask at each change, or the time counts from the next. */
  readonly of: (deployment: Deployment | undefined) => number | undefined;
}

/** `monotonic`: milliseconds of a clock that only goes forward. */
export function createStandstill(monotonic: () => number): Standstill {
  let seen = '';
  let since = 0;
  return {
    of: (deployment) => {
      const now = deployment === undefined || isFinished(deployment) ? '' : progress(deployment);
      if (now === '') {
        seen = '';
        return undefined;
      }
      if (now !== seen) {
        seen = now;
        since = monotonic();
      }
      return monotonic() - since;
    },
  };
}

/** What changes whenever a rollout comes further, or another one begins. */
function progress({ metadata, spec, status = {} }: Deployment): string {
  const { observedGeneration, replicas, updatedReplicas, availableReplicas } = status;
  return JSON.stringify([
    metadata.uid,
    metadata.generation,
    spec?.replicas,
    observedGeneration,
    replicas,
    updatedReplicas,
    availableReplicas,
  ]);
}

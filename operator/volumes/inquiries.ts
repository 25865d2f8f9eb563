import { events } from '../../core/kube/resources.ts';
import type { KubeClient } from '../../core/kube/types.ts';
import { isBound } from './claims.ts';
import { mountsOf } from './gateway-template.ts';
import type { VolumeWorld } from './obstacles.ts';
import { findSuspects, nobody, type Suspects } from './suspects.ts';

/** Questions to the API server that are asked only when their answer is needed. */
export interface Inquiries {
  /**
   * Which claims are not bound because their class waits for a pod. A class belongs to the cluster, which the operator
   * may not read; but the controller of volumes says so of each such claim by an Event, and says it again and again.
   * `unclear`: there are others, of which it may say so later.
   */
  readonly waiting: (
    world: VolumeWorld,
  ) => Promise<{ readonly waiting: ReadonlySet<string>; readonly unclear: boolean }>;
  /** Whose volumes hold up a rollout that stands still; `added`: those that came in with it. */
  readonly suspects: (world: VolumeWorld, added: readonly string[]) => Promise<Suspects>;
}

/** Makes Inquiries. Both reject when the API server does not answer. */
export function createInquiries(client: Pick<KubeClient, 'list'>): Inquiries {
  return {
    waiting: async ({ wishes, claims }) => {
      const unbound = wishes.flatMap(({ claimName }) => {
        const claim = claims.get(claimName);
        return claim === undefined || isBound(claim) ? [] : [claim.metadata];
      });
      if (unbound.length === 0) return { waiting: new Set(), unclear: false };
      const { items } = await client.list(events, { fieldSelector: `reason=${waitsForPod}` });
      const uids = new Set(items.map(({ regarding }) => regarding?.uid));
      const waiting = unbound.filter(({ uid }) => uids.has(uid)).map(({ name }) => name);
      return { waiting: new Set(waiting), unclear: waiting.length < unbound.length };
    },
    suspects: async ({ deployment, claims, pods }, added) => {
      const mounts = mountsOf(deployment?.spec?.template);
      if (Object.keys(mounts).length === 0) return nobody;
      const { items } = await client.list(events, { fieldSelector: 'regarding.kind=Pod,type=Warning' });
      return findSuspects({ mounts, claims, added, pods, events: items });
    },
  };
}

/** The reason of the Event. */
const waitsForPod = 'WaitForFirstConsumer';

import { hasStatus, KubeError } from '../../core/kube/kube-error.ts';
import { persistentVolumeClaims } from '../../core/kube/resources.ts';
import type { KubeClient } from '../../core/kube/types.ts';
import type { Clock } from '../../core/lib/clock.ts';
import { newClaim } from './claims.ts';
import type { VolumeWish } from './wishes.ts';

/** Makes claims, and remembers what the API server has against some of them. */
export interface ClaimMaker {
  /** Makes the claim of a wish, unless it was refused a short while ago. A refusal is remembered and not thrown. */
  readonly make: (wish: VolumeWish) => Promise<void>;
  /** What the API server said against making a claim, by the name of the claim. */
  readonly refusals: ReadonlyMap<string, string>;
  /** Forgets refusals of what nobody wishes any more. When to look again; undefined: nothing is refused. */
  readonly lookAgainMs: (wishes: readonly VolumeWish[]) => number | undefined;
}

export interface ClaimMakerOptions {
  readonly client: Pick<KubeClient, 'create'>;
  /** Asked before each write. Throws when this process does not lead. */
  readonly demandLeadership: () => void;
  /** There is another refusal. */
  readonly onChange: () => void;
  readonly clock: Clock;
}

/** Nothing tells that a quota has room again. */
export const refusedAgainMs = 60_000;

export function createClaimMaker({ client, demandLeadership, onChange, clock }: ClaimMakerOptions): ClaimMaker {
  const refusals = new Map<string, string>();
  /** A refusal may have other words each time, so that its words are no reason to ask again. */
  const asked = new Map<string, { readonly volume: VolumeWish['volume']; readonly at: number }>();
  return {
    refusals,
    make: async (wish) => {
      const { claimName, volume } = wish;
      const before = asked.get(claimName);
      if (before?.volume === volume && clock.monotonic() - before.at < refusedAgainMs) return;
      demandLeadership();
      try {
        await client.create(persistentVolumeClaims, newClaim(wish));
        asked.delete(claimName);
        refusals.delete(claimName);
      } catch (error) {
        if (hasStatus(error, 409)) return;
        if (!isRefusal(error)) throw error;
        asked.set(claimName, { volume, at: clock.monotonic() });
        if (refusals.get(claimName) === error.message) return;
        refusals.set(claimName, error.message);
        onChange();
      }
    },
    lookAgainMs: (wishes) => {
      const names = new Set(wishes.map(({ claimName }) => claimName));
      for (const name of asked.keys()) if (!names.has(name)) asked.delete(name);
      for (const name of refusals.keys()) if (!names.has(name)) refusals.delete(name);
      return refusals.size === 0 ? undefined : refusedAgainMs;
    },
  };
}

/** What the API server has against a write: a quota, a limit range, a policy, an unknown unit. */
export function isRefusal(error: unknown): error is KubeError {
  return hasStatus(error, 403) || (error instanceof KubeError && error.terminal);
}

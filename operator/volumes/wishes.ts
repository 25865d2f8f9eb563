import type { EntryOrigin, SnapshotContent } from '../../core/snapshot/schema.ts';
import type { Agent } from '../../crds/agent.ts';
import type { Declared } from '../resources.ts';

/** The volume that one Agent asks for. */
export interface VolumeWish {
  readonly agent: string;
  readonly uid: string;
  readonly namespace: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly volume: VolumeSpec;
  /** The claim that it names, or the one that is made for it. */
  readonly claimName: string;
}

export type VolumeSpec = NonNullable<EntryOrigin['volume']>;

/**
 * Who asks for a volume, sorted by name. The newest generation of an Agent asks as soon as it is valid by itself; a volume
 * that is published is asked for until the snapshot says otherwise, for gateways may still use it.
 */
export function volumeWishes(
  agents: readonly Declared<Agent>[],
  published: Pick<SnapshotContent, 'agents'>,
): readonly VolumeWish[] {
  const inForce = new Map(published.agents.map((entry) => [entry.uid, entry.origin?.volume]));
  return agents
    .flatMap((declared) => {
      const newest = declared.rejection === undefined ? declared.spec?.profile.volume : undefined;
      const volume = newest ?? inForce.get(declared.uid);
      return volume === undefined ? [] : [wishOf(declared, volume)];
    })
    .sort((a, b) => (a.agent < b.agent ? -1 : 1));
}

/** The claim that is made for an Agent. */
export function ownClaimName(agent: string): string {
  return `talaria-profile-${agent}`;
}

function wishOf({ name, uid, namespace, createdAt }: Declared<Agent>, volume: VolumeSpec): VolumeWish {
  const claimName = volume.existingClaim ?? ownClaimName(name);
  return { agent: name, uid, namespace, createdAt, volume, claimName };
}

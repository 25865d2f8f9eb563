import type { Change } from '../core/kube/object-store.ts';
import type { Lease } from '../core/kube/resources.ts';
import type { Clock } from '../core/lib/clock.ts';
import {
  acknowledgementDurationSeconds,
  acknowledgementLeasePrefix,
  sequenceAnnotation,
} from '../core/snapshot/acknowledgement.ts';

/** What gateway replicas say that they serve. */
export interface Acknowledgements {
  /** Takes a change of a Lease; true when it can change an answer below. */
  readonly take: (change: Change<Lease>) => boolean;
  /** Replicas that renewed recently and have acknowledged something. */
  readonly live: () => number;
  /** The sequence that every live replica serves or is beyond; undefined when none is live. */
  readonly byAll: () => number | undefined;
  /** The highest sequence that any replica ever acknowledged to this process; 0 when none did. */
  readonly byAny: () => number;
  /** Leases of replicas that are gone for long. */
  readonly abandoned: () => readonly Lease[];
}

interface Replica {
  readonly lease: Lease;
  readonly sequence: number;
  /** When a renewal was last seen, on our own monotonic clock. */
  readonly seenAt: number;
}

const abandonedAfterMs = 10 * 60_000;

/**
 * A replica is live when its renewal was seen by this process within the Lease's duration: times in a Lease come from
 * another clock and are only compared with each other. A Lease that was there at the start counts as renewed then, so a
 * restarted operator waits for every replica that may still serve.
 */
export function createAcknowledgements(clock: Clock): Acknowledgements {
  const replicas = new Map<string, Replica>();
  let highest = 0;

  const isLive = ({ lease, sequence, seenAt }: Replica): boolean =>
    sequence > 0 && clock.monotonic() - seenAt < durationMs(lease);

  const put = (lease: Lease): boolean => {
    const before = replicas.get(lease.metadata.name);
    const sequence = Number(lease.metadata.annotations?.[sequenceAnnotation] ?? 0) || 0;
    const renewed = before?.lease.spec?.renewTime !== lease.spec?.renewTime;
    const after = { lease, sequence, seenAt: renewed || before === undefined ? clock.monotonic() : before.seenAt };
    const changes = before === undefined || before.sequence !== sequence || !isLive(before);
    replicas.set(lease.metadata.name, after);
    highest = Math.max(highest, sequence);
    return changes;
  };

  return {
    take: ({ type, object }) => {
      if (!object.metadata.name.startsWith(acknowledgementLeasePrefix)) return false;
      return type === 'deleted' ? replicas.delete(object.metadata.name) : put(object);
    },
    live: () => [...replicas.values()].filter(isLive).length,
    byAll: () => {
      const sequences = [...replicas.values()].filter(isLive).map((replica) => replica.sequence);
      return sequences.length === 0 ? undefined : Math.min(...sequences);
    },
    byAny: () => highest,
    abandoned: () => {
      const gone = ({ lease, seenAt }: Replica) => clock.monotonic() - seenAt > durationMs(lease) + abandonedAfterMs;
      return [...replicas.values()].filter(gone).map(({ lease }) => lease);
    },
  };
}

function durationMs({ spec }: Lease): number {
  return (spec?.leaseDurationSeconds ?? acknowledgementDurationSeconds) * 1000;
}

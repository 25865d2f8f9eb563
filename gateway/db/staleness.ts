import type { Clock } from '../../core/lib/clock.ts';

/** Tells whether this replica has been behind the newest snapshot of all replicas for too long to take background work. */
export interface Staleness {
  /** `newest`: the highest sequence that any replica has served. */
  readonly note: (newest: number, own: number) => void;
  readonly isFresh: () => boolean;
}

const toleratedMs = 5_000;

/** Fresh until it is noted otherwise. */
export function createStaleness({ monotonic }: Pick<Clock, 'monotonic'>): Staleness {
  let behindSince: number | undefined;
  return {
    note: (newest, own) => {
      behindSince = newest > own ? (behindSince ?? monotonic()) : undefined;
    },
    isFresh: () => behindSince === undefined || monotonic() - behindSince < toleratedMs,
  };
}

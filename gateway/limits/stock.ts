import type { Carried, Grant } from './lease-slices.ts';

/** What this replica holds of one bound. It knows no clock, no timer and no database. */
export interface Stock {
  /** Forgets what is over: a window that has ended, the slots of another worker than this. */
  readonly refresh: (now: number, worker: string | undefined) => void;
  /** How many units can be taken; below zero: more was used than was leased. */
  readonly available: () => number;
  readonly take: () => void;
  /** Takes back what `take` took, `epoch` being the one of then. */
  readonly putBack: (epoch: number) => void;
  /** Counts units that were used without being taken first. */
  readonly spend: (units: number) => void;
  /** Changes when what was taken before must not come back. */
  readonly epoch: () => number;
  /** When what is held is over, by the monotonic clock. */
  readonly endsAt: () => number;
  /** Units held for so long without need that others should have them. To be asked about once a second. */
  readonly surplus: (now: number) => number;
  /** Everything that is held and not in use. */
  readonly spare: () => number;
  /** True while the database does not know what is in use here. */
  readonly owes: () => boolean;
  /** Takes out what an ask will tell the database, `giveBack` units of what is available among it. */
  readonly carry: (giveBack: number) => Carried;
  /** Puts in what came of the ask, which was made at `askedAt`. */
  readonly settle: (carried: Carried, grant: Grant, askedAt: number) => void;
  /** The ask failed and may or may not have happened: errs on the side of refusing. */
  readonly unsettled: (carried: Carried) => void;
}

export interface WindowStockOptions {
  /** False: a unit is only looked at when it is taken, and counted when it is spent. */
  readonly counted: boolean;
  /** Units that were not used for this long are given back. */
  readonly idleMs: number;
}

/** Units of the window in force. */
export function createWindowStock({ counted, idleMs }: WindowStockOptions): Stock {
  let window: string | undefined;
  let endsAt = Number.POSITIVE_INFINITY;
  let units = 0;
  let epoch = 0;
  let usedSince = true;
  let idleSince = 0;
  const forget = () => {
    window = undefined;
    endsAt = Number.POSITIVE_INFINITY;
    units = 0;
    epoch += 1;
  };
  return {
    refresh: (now) => {
      if (now >= endsAt) forget();
    },
    available: () => units,
    take: () => {
      usedSince = true;
      if (counted) units -= 1;
    },
    putBack: (since) => {
      if (counted && since === epoch) units += 1;
    },
    spend: (spent) => {
      usedSince = true;
      units -= spent;
    },
    epoch: () => epoch,
    endsAt: () => endsAt,
    surplus: (now) => {
      if (usedSince) idleSince = now;
      usedSince = false;
      return now - idleSince >= idleMs ? Math.max(0, units) : 0;
    },
    spare: () => Math.max(0, units),
    owes: () => units < 0,
    carry: (giveBack) => {
      const carried = units < 0 ? -units : -Math.min(giveBack, units);
      units += carried;
      return { carried, window, worker: undefined };
    },
    settle: (_carried, grant, askedAt) => {
      if (grant.window !== window) {
        const spentMeanwhile = Math.min(0, units);
        forget();
        units = spentMeanwhile;
        window = grant.window;
      }
      endsAt = askedAt + grant.endsInMs;
      units += grant.granted ?? 0;
    },
    unsettled: ({ carried, window: then }) => {
      if (carried > 0 && then === window) units -= carried;
    },
  };
}

/** Slots for runs, held by this replica's worker. */
export function createSlotStock(): Stock {
  let worker: string | undefined;
  let held = 0;
  let inUse = 0;
  let peak = 0;
  let unsure = false;
  return {
    refresh: (_now, current) => {
      if (current === worker) return;
      worker = current;
      held = 0;
    },
    available: () => held - inUse,
    take: () => {
      inUse += 1;
      peak = Math.max(peak, inUse);
    },
    putBack: () => {
      inUse -= 1;
    },
    spend: () => undefined,
    epoch: () => 0,
    endsAt: () => Number.POSITIVE_INFINITY,
    surplus: () => {
      const spare = held - Math.max(peak, inUse);
      peak = inUse;
      return Math.max(0, spare);
    },
    spare: () => Math.max(0, held - inUse),
    owes: () => worker !== undefined && (unsure || held < inUse),
    carry: (giveBack) => {
      held = Math.max(held - giveBack, inUse);
      return { carried: held, window: undefined, worker };
    },
    settle: (carried, { granted }) => {
      if (carried.worker !== worker) return;
      unsure = false;
      held = granted === undefined ? 0 : carried.carried + granted;
    },
    unsettled: () => {
      unsure = true;
    },
  };
}

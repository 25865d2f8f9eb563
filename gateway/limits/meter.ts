import type { Clock } from '../../core/lib/clock.ts';
import { TalariaError } from '../../core/lib/errors.ts';
import type { Bound } from './bounds.ts';
import type { LeaseSlice } from './lease-slices.ts';
import { nextSlice } from './slice.ts';
import type { Stock } from './stock.ts';

/** One unit that was taken; `none`: the bound is reached; an error: it is not known whether it is. */
export type Taken = Unit | 'none' | Error;

export interface Unit {
  /** The window that it was taken from; see Stock. */
  readonly epoch: number;
}

/** One bound as this replica hands it out, slice after slice. */
export interface Meter {
  readonly bound: () => Bound;
  /** The bound of a newer snapshot. */
  readonly change: (bound: Bound) => void;
  /** Takes one unit: at once from the slice that is held, else it waits for the next one with all who ask meanwhile. */
  readonly take: () => Taken | Promise<Taken>;
  /** Takes a unit back, for those who wait or come. This or `useUp` ends each unit that was taken. */
  readonly putBack: (unit: Unit) => void;
  /** Ends a unit that does not come back. */
  readonly useUp: () => void;
  /** Counts units that were used without being taken. */
  readonly spend: (units: number) => void;
  readonly standing: () => Standing;
  /** To be called once a second: tells the database what it must know. Never throws. */
  readonly keepUp: () => Promise<void>;
  /** Gives back what is not in use. Never throws. */
  readonly close: () => Promise<void>;
  /** True when it can be forgotten: nobody has asked for long, nothing is held, and every unit that was taken has ended. */
  readonly isIdle: () => boolean;
}

/** What callers may know of a bound. */
export interface Standing {
  readonly bound: Bound;
  /** Units left over all replicas, as far as this one knows. */
  readonly remaining: number;
  /** Until the window ends; 0 where there is none. */
  readonly resetMs: number;
}

export interface MeterOptions {
  readonly bound: Bound;
  readonly stock: Stock;
  readonly lease: LeaseSlice;
  /** The worker that holds slots; undefined: the stock needs none. */
  readonly worker: (() => string | undefined) | undefined;
  readonly clock: Clock;
  /** Called for each slice that was leased. */
  readonly onSlice: () => void;
}

/** After the database said that nothing is left, it is not asked again for so long: units may be given back. */
const exhaustedMs = { requestsPerMinute: 1_000, tokensPerDay: 1_000, maxConcurrentRuns: 250 } as const;
/** After a failure callers are refused at once for so long, instead of each waiting for the database in turn. */
const failedMs = 500;
const idleMs = 120_000;

/** Makes a Meter that holds nothing yet. */
export function createMeter(options: MeterOptions): Meter {
  const { stock, clock } = options;
  let bound = options.bound;
  let left = bound.maximum;
  let slice: { readonly size: number; readonly at: number } | undefined;
  let waiting: ((taken: Taken) => void)[] = [];
  let underWay: Promise<void> | undefined;
  let exhaustedUntil = 0;
  let failure: { readonly error: Error; readonly until: number } | undefined;
  let lastUsed = clock.monotonic();
  let open = 0;

  const refresh = () => stock.refresh(clock.monotonic(), options.worker?.());
  const takeUnit = (): Unit => {
    stock.take();
    open += 1;
    return { epoch: stock.epoch() };
  };
  const serve = () => {
    while (waiting.length > 0 && stock.available() > 0) {
      waiting.shift()?.(takeUnit());
    }
  };
  const refuseWaiting = (taken: Taken) => {
    const refused = waiting;
    waiting = [];
    for (const resolve of refused) resolve(taken);
  };
  const wish = () => {
    if (waiting.length === 0) return 0;
    const previous = slice && { size: slice.size, lastedMs: clock.monotonic() - slice.at };
    const needed = bound.name === 'tokensPerDay' ? 1 : waiting.length;
    return nextSlice({ name: bound.name, needed, left, previous });
  };

  /** One ask: tells what the database must know and, when callers wait, leases for them. */
  const ask = async (giveBack: number): Promise<void> => {
    const askedAt = clock.monotonic();
    const carried = stock.carry(giveBack);
    const wanted = wish();
    try {
      const grant = await options.lease({ ...bound, ...carried, wanted });
      stock.settle(carried, grant, askedAt);
      if (grant.granted === undefined) throw withoutLease();
      failure = undefined;
      left = grant.remaining;
      if (wanted === 0) return;
      slice = { size: grant.granted, at: askedAt };
      if (grant.granted > 0) options.onSlice();
      refresh();
      serve();
      if (grant.granted < wanted) {
        exhaustedUntil = clock.monotonic() + exhaustedMs[bound.name];
        refuseWaiting('none');
      }
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      stock.unsettled(carried);
      failure = { error, until: clock.monotonic() + failedMs };
      refuseWaiting(error);
    }
  };

  /** Asks until nobody waits. One at a time: what the stock carries must be settled before it carries more. */
  const askForAll = async (giveBack: number): Promise<void> => {
    let returned = giveBack;
    // All who come in this turn of the event loop are counted before the first ask.
    await Promise.resolve();
    do {
      await ask(returned);
      returned = 0;
    } while (waiting.length > 0);
    // At once and not when the promise has settled: whoever comes in between would wait for nothing.
    underWay = undefined;
  };
  const start = (giveBack: number): Promise<void> => {
    underWay ??= askForAll(giveBack);
    return underWay;
  };

  return {
    bound: () => bound,
    change: (next) => {
      if (next.maximum !== bound.maximum) {
        exhaustedUntil = 0;
        left = Math.max(0, left + next.maximum - bound.maximum);
      }
      bound = next;
    },
    take: () => {
      refresh();
      const now = clock.monotonic();
      lastUsed = now;
      if (waiting.length === 0 && stock.available() > 0) return takeUnit();
      if (now < Math.min(exhaustedUntil, stock.endsAt())) return 'none';
      if (failure !== undefined && now < failure.until) return failure.error;
      if (options.worker !== undefined && options.worker() === undefined) return withoutLease();
      const { promise, resolve } = Promise.withResolvers<Taken>();
      waiting.push(resolve);
      void start(0);
      return promise;
    },
    putBack: (unit) => {
      refresh();
      open -= 1;
      stock.putBack(unit.epoch);
      serve();
    },
    useUp: () => {
      open -= 1;
    },
    spend: (units) => {
      refresh();
      stock.spend(units);
    },
    standing: () => ({
      bound,
      remaining: Math.min(bound.maximum, left + Math.max(0, stock.available())),
      resetMs: Number.isFinite(stock.endsAt()) ? Math.max(0, stock.endsAt() - clock.monotonic()) : 0,
    }),
    keepUp: async () => {
      refresh();
      if (underWay !== undefined) return;
      const surplus = stock.surplus(clock.monotonic());
      if (surplus > 0 || stock.owes()) await start(surplus);
    },
    close: async () => {
      await underWay;
      refresh();
      if (stock.spare() > 0 || stock.owes()) await start(stock.spare());
    },
    isIdle: () =>
      underWay === undefined &&
      open === 0 &&
      stock.spare() === 0 &&
      !stock.owes() &&
      stock.available() === 0 &&
      clock.monotonic() - lastUsed > idleMs,
  };
}

function withoutLease(): TalariaError {
  return new TalariaError(
    'state_unavailable',
    'This gateway cannot count the runs of the agent at the moment: the database does not answer it. Try again shortly.',
  );
}

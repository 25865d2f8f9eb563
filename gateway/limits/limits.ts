import { Counter, type Registry } from 'prom-client';
import type { Clock } from '../../core/lib/clock.ts';
import { TalariaError } from '../../core/lib/errors.ts';
import type { Principal } from '../../core/route/principal.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';
import type { Database } from '../db/pool.ts';
import type { WorkerLease } from '../worker/lease.ts';
import { type Acquired, type Bound, boundsOf } from './bounds.ts';
import { createSliceLeaser } from './lease-slices.ts';
import { createMeter, type Meter, type Taken, type Unit } from './meter.ts';
import { createPermit, freePermit, type Permit } from './permit.ts';
import { limitReached } from './refusal.ts';
import { createSlotStock, createWindowStock } from './stock.ts';

export interface LimitsOptions {
  readonly database: Database;
  /** The lease that is held now; slots for runs belong to it. */
  readonly lease: () => WorkerLease | undefined;
  readonly clock: Clock;
  readonly registry: Registry;
}

/** The bounds of Agents and keys, which hold over all replicas together. */
export interface Limits {
  /**
   * Takes one request and one run, or `what` of them. Throws `rate_limited`, `budget_exceeded` with the time to wait and headers, or
   * `state_unavailable` when the slice is used up and the database does not answer. Where nothing is bounded, and while
   * the slice that is held has room, the answer is no promise and the database is not asked.
   */
  readonly acquire: (agent: AgentEntry, principal: Principal, what?: Acquired) => Permit | Promise<Permit>;
  /** For background runs: undefined where there is no room now. Throws `budget_exceeded` and `state_unavailable`. */
  readonly tryAcquire: (agent: AgentEntry, principal?: Principal, what?: Acquired) => Promise<Permit | undefined>;
  /** Gives leased slots and slices back; permits that are still open count on. */
  readonly stop: () => Promise<void>;
}

const keepUpEveryMs = 1_000;
/** Tokens are leased for a day: what a replica does not need goes back while the day lasts. */
const tokensIdleMs = 10_000;

/** Makes Limits. Its timer runs while something is bounded. */
export function createLimits(options: LimitsOptions): Limits {
  const metrics = createLimitMetrics(options.registry);
  const meters = new Map<string, Meter>();
  const newMeter = meterMaker(options, metrics);
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const keepUp = () => {
    for (const [key, meter] of meters) {
      if (meter.isIdle()) meters.delete(key);
      else void meter.keepUp();
    }
    if (meters.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  const meterOf = (bound: Bound): Meter => {
    const key = `${bound.name} ${bound.agent} ${bound.principal}`;
    const known = meters.get(key);
    if (known !== undefined) {
      known.change(bound);
      return known;
    }
    const made = newMeter(bound);
    meters.set(key, made);
    if (!stopped) timer ??= setInterval(keepUp, keepUpEveryMs);
    return made;
  };
  const acquire = (
    agent: AgentEntry,
    principal: Principal | undefined,
    what: Acquired = 'both',
  ): Permit | Promise<Permit> => {
    const bounds = boundsOf(agent, principal, what);
    if (bounds.length === 0) return freePermit;
    return takeAll(bounds.map(meterOf), (refused) => metrics.refused(agent.name, refused));
  };

  return {
    acquire,
    tryAcquire: async (agent, principal, what) => {
      try {
        return await acquire(agent, principal, what);
      } catch (error) {
        if (error instanceof TalariaError && error.code === 'rate_limited') return undefined;
        throw error;
      }
    },
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      await Promise.all([...meters.values()].map((meter) => meter.close()));
    },
  };
}

function meterMaker(
  { database, lease, clock }: LimitsOptions,
  metrics: ReturnType<typeof createLimitMetrics>,
): (bound: Bound) => Meter {
  const leaseSlice = createSliceLeaser(database);
  return (bound) => {
    const onSlice = () => metrics.leased(bound);
    const common = { bound, lease: leaseSlice, clock, onSlice };
    if (bound.name === 'maxConcurrentRuns') {
      return createMeter({ ...common, stock: createSlotStock(), worker: () => lease()?.id });
    }
    const counted = bound.name === 'requestsPerMinute';
    const stock = createWindowStock({ counted, idleMs: counted ? Number.POSITIVE_INFINITY : tokensIdleMs });
    return createMeter({ ...common, stock, worker: undefined });
  };
}

/** One unit of each meter or of none. */
function takeAll(meters: readonly Meter[], onRefused: (bound: Bound) => void): Permit | Promise<Permit> {
  const taken = meters.map((meter) => meter.take());
  if (taken.some((one) => one instanceof Promise)) {
    return Promise.all(taken).then((outcomes) => permitFor(meters, outcomes, onRefused));
  }
  return permitFor(meters, taken as readonly Taken[], onRefused);
}

function permitFor(meters: readonly Meter[], taken: readonly Taken[], onRefused: (bound: Bound) => void): Permit {
  const held = meters.flatMap((meter, at) => {
    const unit = taken[at];
    return isUnit(unit) ? [{ meter, unit }] : [];
  });
  const permit = createPermit(held);
  if (held.length === meters.length) return permit;
  permit.cancel();
  const reached = meters.filter((_, at) => taken[at] === 'none').map((meter) => meter.standing());
  if (reached.length === 0) throw taken.find((one) => one instanceof Error);
  for (const { bound } of reached) onRefused(bound);
  throw limitReached(
    reached,
    meters.map((meter) => meter.standing()),
  );
}

function isUnit(taken: Taken | undefined): taken is Unit {
  return taken !== undefined && taken !== 'none' && !(taken instanceof Error);
}

function createLimitMetrics(registry: Registry): {
  readonly refused: (agent: string, bound: Bound) => void;
  readonly leased: (bound: Bound) => void;
} {
  const registers = [registry];
  const refused = new Counter({
    name: 'talaria_limit_refused_total',
    help: 'Runs refused because a bound of the Agent, or of the key (key.*), was reached.',
    labelNames: ['agent', 'limit'],
    registers,
  });
  const leased = new Counter({
    name: 'talaria_limit_slices_leased_total',
    help: 'Slices of bounds that this replica leased from the database.',
    labelNames: ['limit'],
    registers,
  });
  const labelOf = ({ name, agent }: Bound) => (agent === '' ? `key.${name}` : name);
  return {
    refused: (agent, bound) => refused.inc({ agent, limit: labelOf(bound) }),
    leased: (bound) => leased.inc({ limit: labelOf(bound) }),
  };
}

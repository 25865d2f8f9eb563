import type { Clock } from '../../core/lib/clock.ts';
import { newId } from '../../core/lib/id.ts';
import type { Logger } from '../../core/lib/log.ts';
import { sleep } from '../../core/lib/sleep.ts';
import type { Database } from '../db/pool.ts';

/** How long the database keeps a worker's runs for it without a renewal. */
export const leaseSeconds = 15;
const renewEveryMs = 5_000;
/** Earlier than the database gives up, so that two processes never work on one run. */
const giveUpAfterMs = 10_000;
const retryMs = 500;

/** The right to work: every run names the worker that holds it. */
export interface WorkerLease {
  readonly id: string;
  /** Aborts once the lease is lost; whatever runs under it must end, for its runs go to others. */
  readonly signal: AbortSignal;
  /** Leases of an earlier process of this replica that ended when this one was taken: what they held is nobody's now. */
  readonly predecessors: readonly string[];
}

/** Keeps one lease alive, or gets a new one. */
export interface LeaseKeeper {
  /** Undefined before the first, after a loss until the next, and after `stop`. */
  readonly current: () => WorkerLease | undefined;
  /** To be called when a statement found the lease expired in the database. */
  readonly lost: (lease: WorkerLease) => void;
  readonly start: () => void;
  /** Gives the lease back: what still ran under it is lost at once. */
  readonly stop: () => Promise<void>;
}

export interface LeaseOptions {
  readonly database: Database;
  /**
   * A name that no other living process has, such as the pod's. A restarted process takes its predecessor's place and
   * ends that one's lease.
   */
  readonly replica: string;
  /** The sequence of the snapshot in force; 0 before the first. */
  readonly sequence: () => number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Makes a LeaseKeeper. */
export function createLeaseKeeper(options: LeaseOptions): LeaseKeeper {
  const stopping = new AbortController();
  let held: HeldLease | undefined;
  let loop: Promise<void> | undefined;
  let pause = new AbortController();

  const drop = (lease: HeldLease, why: string) => {
    if (held === lease) held = undefined;
    if (lease.controller.signal.aborted) return;
    options.log.warn({ worker: lease.id, why }, 'the worker lost its lease; its turns end');
    lease.watchdog?.();
    lease.controller.abort(new Error('the worker lost its lease'));
    pause.abort();
  };

  const run = async () => {
    let failures = 0;
    let everHeld = false;
    while (!stopping.signal.aborted) {
      pause = new AbortController();
      const lease = held ?? newLease();
      const renewed = await keep(options, lease, drop);
      failures = renewed === 'failed' ? failures + 1 : 0;
      if (failures === 1) options.log.warn('the lease of the worker cannot be renewed; it goes on trying');
      // This process itself may still store what its runs gave before it lost a lease.
      if (everHeld) lease.predecessors = [];
      if (renewed === 'kept') held = lease;
      everHeld ||= renewed === 'kept';
      if (renewed === 'gone') drop(lease, 'it expired in the database');
      const next = AbortSignal.any([stopping.signal, pause.signal]);
      await sleep(renewed === 'kept' ? renewEveryMs : retryMs, next);
    }
  };

  return {
    current: () => held,
    lost: ({ id }) => {
      if (held?.id === id) drop(held, 'it expired in the database');
    },
    start: () => {
      loop ??= run();
    },
    stop: async () => {
      stopping.abort();
      await loop;
      const lease = held;
      held = undefined;
      if (lease === undefined) return;
      lease.watchdog?.();
      lease.controller.abort(new Error('the worker stopped'));
      await options.database.query('delete from workers where id = $1', [lease.id]).catch(() => undefined);
    },
  };
}

interface HeldLease extends WorkerLease {
  readonly controller: AbortController;
  /** False until the database knows it. */
  known: boolean;
  /** Ends the timer that gives the lease up. */
  watchdog: (() => void) | undefined;
  predecessors: readonly string[];
}

function newLease(): HeldLease {
  const controller = new AbortController();
  return { id: newId(), signal: controller.signal, controller, known: false, watchdog: undefined, predecessors: [] };
}

/** Takes or renews the lease once. `failed`: the database did not answer, and the watchdog runs on. */
async function keep(
  { database, replica, sequence, clock }: LeaseOptions,
  lease: HeldLease,
  drop: (lease: HeldLease, why: string) => void,
): Promise<'kept' | 'gone' | 'failed'> {
  const asked = clock.monotonic();
  try {
    const { rows, rowCount } = await database.query<{ predecessors?: string[] }>(
      lease.known ? renewStatement : takeStatement,
      [lease.id, replica, sequence(), leaseSeconds],
    );
    if (rowCount === 0 || lease.controller.signal.aborted) return 'gone';
    lease.known = true;
    lease.watchdog?.();
    const timer = setTimeout(
      () => drop(lease, 'it could not be renewed in time'),
      Math.max(0, giveUpAfterMs - (clock.monotonic() - asked)),
    );
    lease.watchdog = () => clearTimeout(timer);
    lease.predecessors = rows[0]?.predecessors ?? lease.predecessors;
    return 'kept';
  } catch {
    return 'failed';
  }
}

const takeStatement = `
  with predecessor as (
    update workers set lease_until = talaria_now() where replica = $2 and lease_until > talaria_now() returning id
  )
  insert into workers (id, replica, sequence, lease_until)
  values ($1, $2, $3, talaria_now() + make_interval(secs => $4))
  returning array(select id from predecessor) as predecessors`;

const renewStatement = `
  update workers set sequence = $3, lease_until = talaria_now() + make_interval(secs => $4)
  where id = $1 and replica = $2 and lease_until > talaria_now()`;

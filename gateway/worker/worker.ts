import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import { createNudgedLoop } from '../../core/lib/nudged-loop.ts';
import { within } from '../../core/lib/within.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { RunStopped } from '../runs/request-stop.ts';
import type { LeaseKeeper, WorkerLease } from './lease.ts';
import { reapUntil } from './reaper.ts';
import { watchRuns } from './watch.ts';

/** Takes background runs and executes them. */
export interface Worker {
  readonly start: () => void;
  /** Looks for runs at once; to be called when some were queued. */
  readonly nudge: () => void;
  /** Takes no more runs and waits for those under way, at most `budgetMs`; the rest is left to other workers. */
  readonly stop: (budgetMs: number) => Promise<void>;
}

/** Runs of one kind, such as those of CronJobs. */
export interface RunSource {
  /**
   * Takes up to `limit` queued runs for this worker. `leaseExpired` is true when the worker's lease is over, in which case
   * nothing was taken.
   */
  readonly claim: (
    worker: string,
    sequence: number,
    limit: number,
  ) => Promise<{ readonly runs: readonly ClaimedRun[]; readonly leaseExpired: boolean }>;
}

/** A run that this worker holds. */
export interface ClaimedRun {
  /** UUID. */
  readonly id: string;
  /** Another run may have waited for the end of this one. */
  readonly wakesNext: boolean;
  /** Executes it to its stored end, and never throws. */
  readonly execute: (attempt: Attempt) => Promise<void>;
}

/** What one attempt of a run is given. */
export interface Attempt {
  /** The one in force when the run was taken. */
  readonly table: Table;
  /**
   * Aborts with RunStopped when the run is to be cancelled, and with anything else when the worker may not go on: then
   * nothing is written and the run is left to be reaped.
   */
  readonly signal: AbortSignal;
  /** Ends the attempts to store what came of the run. */
  readonly gaveUp: AbortSignal;
  /** To be called right before a model is called. */
  readonly onBegun: () => void;
}

export interface WorkerOptions {
  readonly database: Database;
  readonly lease: LeaseKeeper;
  readonly table: () => Table | undefined;
  readonly sources: readonly RunSource[];
  /** False while this replica's snapshot is too old to take background work. */
  readonly mayWork: () => boolean;
  /** Called with the sessions of runs that were settled for their dead workers. */
  readonly onFreed: (sessions: readonly string[]) => void;
  readonly clock: Clock;
  readonly log: Logger;
  /** How many runs are executed at once; default 64. */
  readonly concurrency?: number;
}

const lookEveryMs = 250;
const watchEveryMs = 500;
/** Runs that are taken and have not called a model yet. Few: what dies with its worker waits until another settles it. */
const maxBeginning = 16;
/** How long aborted turns may take to end when the worker stops. */
const abortMs = 1_000;

/** Makes a Worker. */
export function createWorker(options: WorkerOptions): Worker {
  const { lease, clock, log, concurrency = 64 } = options;
  let watchedAt = clock.monotonic();
  const stopping = new AbortController();
  const gaveUp = new AbortController();
  const active = new Map<string, { readonly controller: AbortController; readonly done: Promise<void> }>();
  const beginning = new Set<string>();
  let reaping: Promise<void> | undefined;
  let moreQueued = false;

  const execute = (run: ClaimedRun, held: WorkerLease, table: Table) => {
    const controller = new AbortController();
    const signal = AbortSignal.any([held.signal, gaveUp.signal, controller.signal]);
    const onBegun = () => {
      if (beginning.delete(run.id) && moreQueued) nudge();
    };
    beginning.add(run.id);
    const done = run.execute({ table, signal, gaveUp: gaveUp.signal, onBegun }).finally(() => {
      active.delete(run.id);
      beginning.delete(run.id);
      if (moreQueued || run.wakesNext) nudge();
    });
    active.set(run.id, { controller, done });
  };

  const take = async (): Promise<void> => {
    const held = lease.current();
    const table = options.table();
    if (held === undefined || table === undefined || !options.mayWork()) return;
    let more = false;
    for (const source of options.sources) {
      const free = Math.min(concurrency - active.size, maxBeginning - beginning.size);
      if (free <= 0) return;
      const { runs, leaseExpired } = await source.claim(held.id, table.sequence, free);
      if (leaseExpired) return lease.lost(held);
      more ||= runs.length === free;
      // A run is given what is in force now, which may have changed during the claim.
      for (const run of runs) execute(run, held, options.table() ?? table);
    }
    moreQueued = more;
  };

  const watch = async (): Promise<void> => {
    const held = lease.current();
    if (held === undefined || clock.monotonic() - watchedAt < watchEveryMs) return;
    watchedAt = clock.monotonic();
    const { stopping: toStop, orphans } = await watchRuns(options.database, held.id, [...active.keys()]);
    for (const id of toStop) active.get(id)?.controller.abort(new RunStopped('the run was asked to stop'));
    if (orphans > 0) log.warn({ orphans }, 'runs that this worker held without knowing were given back');
  };

  const look = async (): Promise<void> => {
    await take();
    await watch();
  };
  const { start, nudge, stop } = createNudgedLoop(lookEveryMs, look, log);

  return {
    start: () => {
      start();
      reaping ??= reapUntil(stopping.signal, { ...options, onResumed: nudge });
    },
    nudge,
    stop: async (budgetMs) => {
      stopping.abort();
      await Promise.all([stop(), reaping]);
      const ended = Promise.all([...active.values()].map(({ done }) => done));
      await within(ended, budgetMs);
      gaveUp.abort(new Error('the gateway is stopping'));
      await within(ended, abortMs);
    },
  };
}

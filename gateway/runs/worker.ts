import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import { within } from '../../core/lib/within.ts';
import type { RunTurn } from '../agent/turn.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { StopRequested } from '../job-runs/attempt.ts';
import { executeRun } from '../job-runs/execute.ts';
import { createRunFinisher } from '../job-runs/finish-run.ts';
import type { JobRun } from '../job-runs/job-run.ts';
import type { Limits } from '../limits/limits.ts';
import { claimRuns } from './claim.ts';
import type { LeaseKeeper, WorkerLease } from './lease.ts';
import { createNudgedLoop } from './nudged-loop.ts';
import { reapUntil } from './reaper.ts';
import { createEffectsRecorder } from './record-effects.ts';
import { watchRuns } from './watch.ts';

/** Takes background runs and executes them. */
export interface Worker {
  readonly start: () => void;
  /** Looks for runs at once; to be called when some were queued. */
  readonly nudge: () => void;
  /** Takes no more runs and waits for those under way, at most `budgetMs`; the rest is left to other workers. */
  readonly stop: (budgetMs: number) => Promise<void>;
}

export interface WorkerOptions {
  readonly database: Database;
  readonly lease: LeaseKeeper;
  readonly table: () => Table | undefined;
  readonly runTurn: RunTurn;
  readonly limits: Limits;
  /** False while this replica's snapshot is too old to take background work. */
  readonly mayWork: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** How many runs are executed at once; default 64. */
  readonly concurrency?: number;
  /** Called after outbox rows were stored. */
  readonly onOutbox: () => void;
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
  const recordEffects = createEffectsRecorder(options.database);
  const finishRun = createRunFinisher(options.database);
  const stopping = new AbortController();
  const gaveUp = new AbortController();
  const active = new Map<string, { readonly controller: AbortController; readonly done: Promise<void> }>();
  const beginning = new Set<string>();
  let reaping: Promise<void> | undefined;
  let moreQueued = false;

  const execute = (run: JobRun, held: WorkerLease, table: Table) => {
    const controller = new AbortController();
    const signal = AbortSignal.any([held.signal, gaveUp.signal, controller.signal]);
    const onBegun = () => {
      if (beginning.delete(run.id) && moreQueued) nudge();
    };
    beginning.add(run.id);
    const done = executeRun(
      { ...options, table, recordEffects, finishRun, onBegun },
      run,
      signal,
      gaveUp.signal,
    ).finally(() => {
      active.delete(run.id);
      beginning.delete(run.id);
      // Otherwise nothing waited for this end but runs of the same job, which the next look finds.
      if (moreQueued || run.backlog) nudge();
    });
    active.set(run.id, { controller, done });
  };

  const take = async (): Promise<void> => {
    const free = Math.min(concurrency - active.size, maxBeginning - beginning.size);
    const held = lease.current();
    const table = options.table();
    if (free <= 0 || held === undefined || table === undefined || !options.mayWork()) return;
    const { runs, leaseExpired } = await claimRuns(options.database, held.id, table.sequence, free);
    if (leaseExpired) lease.lost(held);
    moreQueued = runs.length === free;
    for (const run of runs) execute(run, held, table);
  };

  const watch = async (): Promise<void> => {
    const held = lease.current();
    if (held === undefined || clock.monotonic() - watchedAt < watchEveryMs) return;
    watchedAt = clock.monotonic();
    const { stopping: toStop, orphans } = await watchRuns(options.database, held.id, [...active.keys()]);
    for (const id of toStop) active.get(id)?.controller.abort(new StopRequested('the run was asked to stop'));
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

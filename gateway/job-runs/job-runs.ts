import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import type { RunTurn } from '../agent/turn.ts';
import type { Database } from '../db/pool.ts';
import type { Limits } from '../limits/limits.ts';
import type { Tracing } from '../tracing/tracing.ts';
import { createEffectsRecorder } from '../worker/record-effects.ts';
import type { Attempt, RunSource } from '../worker/worker.ts';
import { claimJobRuns } from './claim.ts';
import { executeJobRun } from './execute.ts';
import { createRunFinisher } from './finish-run.ts';

export interface JobRunsOptions {
  readonly database: Database;
  readonly runTurn: RunTurn;
  readonly limits: Limits;
  readonly tracing?: Tracing | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after outbox rows were stored. */
  readonly onOutbox: () => void;
}

/** The runs of CronJobs, for a worker. */
export function createJobRuns(options: JobRunsOptions): RunSource {
  const recordEffects = createEffectsRecorder(options.database);
  const finishRun = createRunFinisher(options.database);
  return {
    claim: async (worker, sequence, limit) => {
      const { runs, leaseExpired } = await claimJobRuns(options.database, worker, sequence, limit);
      const claimed = runs.map((run) => ({
        id: run.id,
        // Otherwise nothing waited for this end but runs of the same job, which the next look finds.
        wakesNext: run.backlog,
        execute: ({ table, signal, gaveUp, onBegun }: Attempt) =>
          executeJobRun({ ...options, table, recordEffects, finishRun, onBegun }, run, signal, gaveUp),
      }));
      return { runs: claimed, leaseExpired };
    },
  };
}

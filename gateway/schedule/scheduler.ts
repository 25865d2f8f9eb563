import type { Registry } from 'prom-client';
import type { Clock } from '../../core/lib/clock.ts';
import { newId } from '../../core/lib/id.ts';
import type { Logger } from '../../core/lib/log.ts';
import { quietly } from '../../core/lib/quietly.ts';
import { sleep } from '../../core/lib/sleep.ts';
import type { JobStatusSink } from '../config/source.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { tellUnknownRuns } from '../job-runs/tell-unknown.ts';
import { countGapSlice } from './count-gaps.ts';
import { addScheduleMetrics } from './metrics.ts';
import { holdLease } from './named-lease.ts';
import { pruneOnce } from './prune.ts';
import { createStatusWriter } from './status-writer.ts';
import { createTicker } from './ticker.ts';
import { createJobUpserter } from './upsert.ts';

/** Everything that CronJobs do by the clock, up to the queued run. */
export interface Scheduler {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

export interface SchedulerOptions {
  readonly database: Database;
  readonly table: () => Table | undefined;
  readonly jobStatus: JobStatusSink;
  /** False while this replica's snapshot is too old to decide anything. */
  readonly mayWork: () => boolean;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after runs were queued. */
  readonly onStarted: () => void;
}

const countEveryMs = 1_000;
const tellEveryMs = 1_000;
const pruneEveryMs = 60_000;
const pruneLease = { name: 'prune', seconds: 120 };
/** Slices of gaps that are counted in one go, with a pause for others after each. */
const slicesInARow = 5;

/** Makes a Scheduler: the ticker, the counting of gaps, the pruning, what is told of lost runs, the statuses and the metrics. */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { database, jobStatus, log, clock, registry } = options;
  const upserter = createJobUpserter({ database, log });
  const ticker = createTicker({ ...options, upserter });
  const statuses = createStatusWriter({ ...options, sink: jobStatus });
  const stopping = new AbortController();
  const self = newId();
  const loops: Promise<void>[] = [];
  addScheduleMetrics(registry, { database, clock, tickAgeMs: ticker.ageMs });

  const count = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await sleep(countEveryMs, stopping.signal);
      await quietly(log, async () => {
        for (let slice = 0; slice < slicesInARow && !stopping.signal.aborted; slice += 1) {
          if (!(await countGapSlice(database))) return;
        }
      });
    }
  };

  const tell = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await sleep(tellEveryMs, stopping.signal);
      await quietly(log, async () => {
        while (options.mayWork() && !stopping.signal.aborted) {
          const table = options.table();
          if (table === undefined || (await tellUnknownRuns({ database, table, clock, log })) === 0) return;
        }
      });
    }
  };

  const prune = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await sleep(pruneEveryMs, stopping.signal);
      await quietly(log, async () => {
        if (!(await holdLease(database, pruneLease.name, self, pruneLease.seconds))) return;
        for (let more = true; more && !stopping.signal.aborted; ) more = await pruneOnce(database);
      });
    }
  };

  return {
    start: () => {
      if (loops.length > 0) return;
      ticker.start();
      statuses.start();
      loops.push(count(), tell(), prune());
    },
    stop: async () => {
      stopping.abort();
      await Promise.all([ticker.stop(), statuses.stop(), ...loops]);
    },
  };
}

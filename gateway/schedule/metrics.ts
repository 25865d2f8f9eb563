import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../core/lib/clock.ts';
import type { Database } from '../db/pool.ts';

/** Totals are read from the database no more often than this. */
const cacheMs = 15_000;

/**
 * Adds the metrics of the schedule to a registry. Slots started and missed are the database's totals, the same on every
 * replica and none lost with a process: take the maximum over replicas, not the sum. While the database is away they keep
 * their last value.
 */
export function addScheduleMetrics(
  registry: Registry,
  { database, clock, tickAgeMs }: { database: Database; clock: Clock; tickAgeMs: () => number },
): void {
  const totals = cachedTotals(database, clock);
  const registers = [registry];
  new Gauge({
    name: 'talaria_schedule_tick_age_seconds',
    help: 'Seconds since this replica last looked for due jobs with success.',
    registers,
    collect() {
      this.set(tickAgeMs() / 1000);
    },
  });
  new Counter({
    name: 'talaria_schedule_started_total',
    help: 'Slots of CronJobs that started.',
    labelNames: ['job'],
    registers,
    async collect() {
      const { started } = await totals();
      this.reset();
      for (const { job, count } of started) this.inc({ job }, count);
    },
  });
  new Counter({
    name: 'talaria_schedule_missed_total',
    help: 'Slots of CronJobs that were missed, by reason. Suspended is no fault.',
    labelNames: ['job', 'reason'],
    registers,
    async collect() {
      const { missed } = await totals();
      this.reset();
      for (const { job, reason, count } of missed) this.inc({ job, reason }, count);
    },
  });
}

interface Totals {
  readonly started: readonly { readonly job: string; readonly count: number }[];
  readonly missed: readonly { readonly job: string; readonly reason: string; readonly count: number }[];
}

function cachedTotals(database: Database, clock: Clock): () => Promise<Totals> {
  let known: Totals = { started: [], missed: [] };
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;
  const read = async () => {
    known = await readTotals(database).catch(() => known);
    readAt = clock.monotonic();
    reading = undefined;
  };
  return async () => {
    if (clock.monotonic() - readAt >= cacheMs) {
      reading ??= read();
      await reading;
    }
    return known;
  };
}

/** By name: a job that was deleted and made again goes on counting. */
async function readTotals(database: Database): Promise<Totals> {
  const started = await database.query<{ job: string; count: string }>(
    'select name as job, sum(started_count) as count from cron_jobs group by name order by name',
  );
  const missed = await database.query<{ job: string; reason: string; count: string }>(
    `select j.name as job, m.reason, sum(m.count) as count
     from missed_totals m join cron_jobs j on j.uid = m.job_uid group by 1, 2 order by 1, 2`,
  );
  return {
    started: started.rows.map(({ job, count }) => ({ job, count: Number(count) })),
    missed: missed.rows.map(({ job, reason, count }) => ({ job, reason, count: Number(count) })),
  };
}

import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../core/lib/clock.ts';
import { missedReasons } from '../../core/schedule/outcome.ts';
import { cachedReading } from '../cached-reading.ts';
import type { Database } from '../db/pool.ts';

/** As many CronJobs of a namespace as have series: the number that it is made for. */
const maxJobs = 10_000;

/**
 * Adds the metrics of the schedule to a registry. Slots started and missed are the database's totals, the same on every
 * replica and none lost with a process: take the maximum over replicas, not the sum. While the database is away they keep
 * their last value.
 */
export function addScheduleMetrics(
  registry: Registry,
  { database, clock, tickAgeMs }: { database: Database; clock: Clock; tickAgeMs: () => number },
): void {
  const totals = cachedReading<Totals>(() => readTotals(database), clock, {
    started: [],
    failed: [],
    missed: [],
    reasons: [],
  });
  const registers = [registry];
  new Gauge({
    name: 'talaria_schedule_tick_age_seconds',
    help: 'Seconds since this replica last looked for due jobs with success.',
    registers,
    collect() {
      this.set(tickAgeMs() / 1000);
    },
  });
  addTotal('talaria_schedule_started_total', 'Slots of CronJobs that started.', ['cronjob'], ({ started }) => started);
  addTotal(
    'talaria_schedule_failed_total',
    'Runs of CronJobs that failed, or whose outcome is unknown.',
    ['cronjob'],
    ({ failed }) => failed,
  );
  addTotal(
    'talaria_schedule_missed_total',
    'Slots of CronJobs that were missed, those of suspensions aside.',
    ['cronjob'],
    ({ missed }) => missed,
  );
  addTotal(
    'talaria_schedule_missed_by_reason_total',
    'Slots that were missed, of all CronJobs, by reason. Suspended is no fault.',
    ['reason'],
    ({ reasons }) => reasons,
  );

  function addTotal(
    name: string,
    help: string,
    labelNames: string[],
    rowsOf: (totals: Totals) => readonly Total[],
  ): void {
    new Counter({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        const rows = rowsOf(await totals());
        this.reset();
        for (const { count, ...labels } of rows) this.inc(labels, count);
      },
    });
  }
}

interface Totals {
  readonly started: readonly Total[];
  readonly failed: readonly Total[];
  readonly missed: readonly Total[];
  readonly reasons: readonly Total[];
}

/** A count and its label. `cronjob`, and not `job`, which is what Prometheus calls the target that it scrapes. */
type Total = { readonly count: number } & ({ readonly cronjob: string } | { readonly reason: string });

/**
 * By name: a job that was deleted and made again goes on counting. Those of a name that no job has any more are left out,
 * and so is what is beyond `maxJobs` names, so that the number of series is bounded. What is 0 is there: an increase from
 * nothing is none to Prometheus.
 */
async function readTotals(database: Database): Promise<Totals> {
  const jobs = await database.query<JobTotals>(jobsStatement, [maxJobs]);
  const { rows } = await database.query<{ reason: string; count: string }>(reasonsStatement);
  const reasons = new Map(rows.map(({ reason, count }) => [reason, Number(count)]));
  const each = (count: (row: JobTotals) => string) =>
    jobs.rows.map((row) => ({ cronjob: row.cronjob, count: Number(count(row)) }));
  return {
    started: each(({ started }) => started),
    failed: each(({ failed }) => failed),
    missed: each(({ missed }) => missed),
    reasons: missedReasons.map((reason) => ({ reason, count: reasons.get(reason) ?? 0 })),
  };
}

interface JobTotals {
  readonly cronjob: string;
  readonly started: string;
  readonly failed: string;
  readonly missed: string;
}

const jobsStatement = `
  with live as (select distinct name from cron_jobs where gone_at is null order by name limit $1)
  select j.name as cronjob, sum(j.started_count) as started, sum(j.failed_count) as failed,
    coalesce(sum(faults.count), 0) as missed
  from live join cron_jobs j on j.name = live.name
  left join (
    select job_uid, sum(count) as count from missed_totals where reason <> 'Suspended' group by job_uid
  ) faults on faults.job_uid = j.uid
  group by j.name order by j.name`;

const reasonsStatement = 'select reason, sum(count) as count from missed_totals group by reason';

import { Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../core/lib/clock.ts';
import { cachedReading } from '../cached-reading.ts';
import type { Database } from '../db/pool.ts';

/**
 * Adds the metrics of runs that have not ended to a registry. They are the database's, the same on every replica: take the
 * maximum over replicas, not the sum. While the database is away the last value stays.
 */
export function addRunMetrics(
  registry: Registry,
  { database, clock }: { readonly database: Database; readonly clock: Clock },
): void {
  const registers = [registry];
  const open = cachedReading<readonly OpenRuns[]>(() => readOpenRuns(database), clock, []);
  new Gauge({
    name: 'talaria_runs_open',
    help: 'Runs that have not ended, by status.',
    labelNames: ['status'],
    registers,
    async collect() {
      for (const { status, count } of await open()) this.set({ status }, count);
    },
  });
  new Gauge({
    name: 'talaria_run_oldest_seconds',
    help: 'Age of the oldest run that has not ended, by status: since it was to start, or since it started.',
    labelNames: ['status'],
    registers,
    async collect() {
      for (const { status, oldest } of await open()) this.set({ status }, oldest);
    },
  });
}

interface OpenRuns {
  readonly status: string;
  readonly count: number;
  /** Seconds; 0 without a run. */
  readonly oldest: number;
}

async function readOpenRuns(database: Database): Promise<readonly OpenRuns[]> {
  const { rows } = await database.query<OpenRuns>(openStatement);
  return rows;
}

/** In two parts, each with the very predicate of its index; a status of which there is no run has its row too. */
const openStatement = `
  select s.status, count(r.id)::integer as count,
    greatest(0, coalesce(extract(epoch from talaria_now() - min(r.since)), 0))::double precision as oldest
  from (values ('queued'), ('running'), ('waiting_for_approval'), ('stopping')) as s(status)
  left join (
    select id, status, start_after as since from runs where status = 'queued'
    union all
    select id, status, coalesce(started_at, created_at) from runs
    where status in ('running', 'waiting_for_approval', 'stopping')
  ) r on r.status = s.status
  group by s.status`;

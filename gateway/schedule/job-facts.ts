import type { JobStatus } from '../config/source.ts';
import type { Database } from '../db/pool.ts';
import { openStatuses } from '../runs/run-status.ts';
import type { Told } from './news.ts';
import type { JobFacts, RecentFact } from './status.ts';

/** A CronJob whose status may have to be written, at the version that the facts have. */
export interface PendingStatus {
  readonly uid: string;
  readonly name: string;
  readonly version: string;
  readonly facts: JobFacts;
  /** What was written last. */
  readonly written: JobStatus | undefined;
  readonly told: Told;
  /** The database's time. */
  readonly now: Date;
}

/**
 * The statuses that are due to be written, the urgent ones first: those whose outcome or spec changed, and which were not
 * written for `urgentSeconds`, and any other that was not written for `ordinarySeconds`.
 */
export async function readPendingStatuses(
  database: Database,
  due: { readonly urgentSeconds: number; readonly ordinarySeconds: number; readonly limit: number },
): Promise<readonly PendingStatus[]> {
  const { rows } = await database.prepared<FactsRow>('pending-statuses', statement, [
    due.urgentSeconds,
    due.ordinarySeconds,
    due.limit,
  ]);
  return rows.map(toPending);
}

const statement = `
  select j.uid, j.name, j.status_version, w.status, j.generation, j.suspended, j.paused_reason, j.next_slot,
    j.last_started, j.last_succeeded, j.last_run_at, j.consecutive_failures, j.failed_count, j.misses_told,
    j.failures_told, (select talaria_now()) as now,
    (select jsonb_build_object('id', f.id, 'code', f.error_code)
      from (
        select r.id, coalesce(r.error_code, r.status) as error_code from runs r
        where r.job_uid = j.uid and r.status in ('failed', 'unknown')
        order by r.created_at desc, r.id desc limit 1
      ) f) as newest_failure,
    (select coalesce(jsonb_agg(jsonb_build_object('reason', m.reason, 'count', m.count, 'slot', m.last_slot)
        order by m.reason), '[]')
      from missed_totals m where m.job_uid = j.uid) as missed,
    (select coalesce(jsonb_agg(jsonb_build_object('id', o.id, 'slot', o.slot) order by o.slot, o.id), '[]')
      from (
        select r.id, r.slot from runs r
        where r.job_uid = j.uid and r.status in ${openStatuses}
        order by r.slot, r.id limit 100
      ) o) as open,
    (select coalesce(jsonb_agg(n.fact order by n.slot desc, n.key), '[]')
      from (
        select o.slot, o.key, jsonb_build_object('slot', o.slot, 'run', o.run_id, 'status', r.status, 'reason', o.reason,
          'deliveries', (select coalesce(jsonb_agg(distinct d.status), '[]') from deliveries d where d.run_id = o.run_id)
        ) as fact
        from occurrences o left join runs r on r.id = o.run_id
        where o.job_uid = j.uid and o.outcome in ('Started', 'Missed')
        order by o.slot desc limit 10
      ) n) as recent
  from cron_jobs j left join cron_job_statuses w on w.job_uid = j.uid
  where j.status_version > j.status_written and j.gone_at is null
    and (j.status_written_at is null
      or j.status_written_at <= talaria_now() - make_interval(secs => case when j.status_urgent then $1::integer else $2 end))
  order by j.status_urgent desc, j.status_written_at nulls first
  limit $3`;

interface FactsRow {
  readonly uid: string;
  readonly name: string;
  readonly status_version: string;
  readonly status: JobStatus | null;
  readonly generation: string;
  readonly suspended: boolean;
  readonly paused_reason: 'Failures' | 'Manual' | null;
  readonly next_slot: Date | null;
  readonly last_started: Date | null;
  readonly last_succeeded: Date | null;
  readonly last_run_at: string;
  readonly consecutive_failures: number;
  readonly failed_count: string;
  readonly misses_told: string;
  readonly failures_told: string;
  readonly now: Date;
  readonly newest_failure: JobFacts['newestFailure'] | null;
  readonly missed: readonly { readonly reason: string; readonly count: number; readonly slot: string }[];
  readonly open: readonly { readonly id: string; readonly slot: string }[];
  readonly recent: readonly {
    readonly slot: string;
    readonly run: string | null;
    readonly status: string | null;
    readonly reason: string;
    readonly deliveries: readonly string[];
  }[];
}

function toPending(row: FactsRow): PendingStatus {
  return {
    uid: row.uid,
    name: row.name,
    version: row.status_version,
    written: row.status ?? undefined,
    told: { misses: Number(row.misses_told), failures: Number(row.failures_told) },
    now: row.now,
    facts: {
      generation: Number(row.generation),
      suspended: row.suspended,
      pausedReason: row.paused_reason ?? undefined,
      nextSlot: row.next_slot ?? undefined,
      lastStarted: row.last_started ?? undefined,
      lastSucceeded: row.last_succeeded ?? undefined,
      lastRunAt: row.last_run_at,
      consecutiveFailures: row.consecutive_failures,
      failedCount: Number(row.failed_count),
      newestFailure: row.newest_failure ?? undefined,
      missed: row.missed.map(({ reason, count, slot }) => ({ reason, count, lastSlot: new Date(slot) })),
      open: row.open.map(({ id, slot }) => ({ id, slot: new Date(slot) })),
      recent: row.recent.map(toRecent),
    },
  };
}

function toRecent({ slot, run, status, reason, deliveries }: FactsRow['recent'][number]): RecentFact {
  return { slot: new Date(slot), runId: run ?? undefined, runStatus: status ?? undefined, reason, deliveries };
}

import type { Database } from '../db/pool.ts';
import { openStatuses } from '../runs/run-status.ts';

/** What the database knows of a CronJob, for lists. */
export interface JobSummary {
  readonly uid: string;
  /** By the spec that the database has seen. */
  readonly suspended: boolean;
  readonly pausedReason: 'Failures' | 'Manual' | undefined;
  /** Undefined while it is suspended or paused, and when it has no further slot. */
  readonly nextSlot: Date | undefined;
  readonly lastStarted: Date | undefined;
  readonly lastSucceeded: Date | undefined;
  readonly consecutiveFailures: number;
  /** Runs that have not ended. */
  readonly openRuns: number;
  /** By reason, the newest miss first. */
  readonly missed: readonly { readonly reason: string; readonly count: number; readonly lastSlot: Date }[];
}

/** One slot of a CronJob and what became of it. */
export interface JobOccurrence {
  readonly slot: Date;
  readonly outcome: 'Started' | 'Missed';
  /** Why it was missed, else ''. */
  readonly reason: string;
  readonly run: string | undefined;
  /** Undefined when the run was pruned. */
  readonly runStatus: string | undefined;
  /** Statuses of what the run delivers. */
  readonly deliveries: readonly string[];
}

/** A CronJob as the snapshot names it. */
export interface NamedJob {
  readonly uid: string;
  readonly agent: string;
}

/** What the database knows of these jobs, by uid; nothing of one that no gateway has seen yet. */
export async function readJobSummaries(
  database: Database,
  jobs: readonly NamedJob[],
): Promise<ReadonlyMap<string, JobSummary>> {
  const { rows } = await database.prepared<SummaryRow>('job-summaries', summaryStatement, [
    jobs.map(({ uid }) => uid),
    jobs.map(({ agent }) => agent),
  ]);
  return new Map(rows.map((row) => [row.uid, toSummary(row)]));
}

/** The newest slots of a job, at most `limit`, the newest first. Slots that the row of a long gap covers are not among them. */
export async function readJobOccurrences(
  database: Database,
  job: NamedJob,
  limit: number,
): Promise<readonly JobOccurrence[]> {
  const { rows } = await database.prepared<OccurrenceRow>('job-occurrences', occurrenceStatement, [
    job.uid,
    job.agent,
    limit,
  ]);
  return rows.map(({ run_id, run_status, ...row }) => ({
    ...row,
    run: run_id ?? undefined,
    runStatus: run_status ?? undefined,
  }));
}

/** Runs and misses of a job are told whole, whichever agent it had then. */
const summaryStatement = `
  select j.uid, j.suspended, j.paused_reason, j.next_slot, j.last_started, j.last_succeeded, j.consecutive_failures,
    (select count(*) from runs r
      where r.job_uid = j.uid and r.status in ${openStatuses}) as open_runs,
    (select coalesce(jsonb_agg(jsonb_build_object('reason', m.reason, 'count', m.count, 'slot', m.last_slot)
        order by m.last_slot desc, m.reason), '[]')
      from missed_totals m where m.job_uid = j.uid) as missed
  from unnest($1::text[], $2::text[]) as named (uid, agent)
  join cron_jobs j on j.uid = named.uid and j.agent = named.agent
  where j.gone_at is null`;

const occurrenceStatement = `
  select o.slot, o.outcome, o.reason, o.run_id, r.status as run_status,
    array(select d.status from deliveries d where d.run_id = o.run_id order by d.target, d.part) as deliveries
  from occurrences o left join runs r on r.id = o.run_id
  where o.job_uid = $1 and o.outcome in ('Started', 'Missed')
    and exists (select from cron_jobs j where j.uid = o.job_uid and j.agent = $2)
  order by o.slot desc, o.key
  limit $3`;

interface SummaryRow {
  readonly uid: string;
  readonly suspended: boolean;
  readonly paused_reason: 'Failures' | 'Manual' | null;
  readonly next_slot: Date | null;
  readonly last_started: Date | null;
  readonly last_succeeded: Date | null;
  readonly consecutive_failures: number;
  readonly open_runs: string;
  readonly missed: readonly { readonly reason: string; readonly count: number; readonly slot: string }[];
}

interface OccurrenceRow {
  readonly slot: Date;
  readonly outcome: 'Started' | 'Missed';
  readonly reason: string;
  readonly run_id: string | null;
  readonly run_status: string | null;
  readonly deliveries: readonly string[];
}

function toSummary(row: SummaryRow): JobSummary {
  return {
    uid: row.uid,
    suspended: row.suspended,
    pausedReason: row.paused_reason ?? undefined,
    nextSlot: row.next_slot ?? undefined,
    lastStarted: row.last_started ?? undefined,
    lastSucceeded: row.last_succeeded ?? undefined,
    consecutiveFailures: row.consecutive_failures,
    openRuns: Number(row.open_runs),
    missed: row.missed.map(({ reason, count, slot }) => ({ reason, count, lastSlot: new Date(slot) })),
  };
}

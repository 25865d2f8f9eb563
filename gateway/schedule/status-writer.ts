import type { Clock } from '../../core/lib/clock.ts';
import { newId } from '../../core/lib/id.ts';
import { canonicalJson } from '../../core/lib/json.ts';
import type { Logger } from '../../core/lib/log.ts';
import { quietly } from '../../core/lib/quietly.ts';
import { sleep } from '../../core/lib/sleep.ts';
import type { JobStatusSink } from '../config/source.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { type PendingStatus, readPendingStatuses } from './job-facts.ts';
import { createJobReports } from './job-reports.ts';
import { giveLeaseBack, holdLease } from './named-lease.ts';
import { newsOf, toTell } from './news.ts';
import { buildStatus, healthyReason } from './status.ts';

/** Writes the gateways' part of the status of CronJobs, and reports what happened to them. */
export interface StatusWriter {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

export interface StatusWriterOptions {
  readonly database: Database;
  readonly sink: JobStatusSink;
  readonly table: () => Table | undefined;
  readonly mayWork: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

const lookEveryMs = 1_000;
/** At most this many writes a second; one per job in 30 s, and 3 s when its outcome or its spec changed. */
const limits = { limit: 20, ordinarySeconds: 30, urgentSeconds: 3 };
const leaseName = 'job-status';
const leaseSeconds = 10;

/** Makes a StatusWriter. One replica at a time writes, by a lease in the database. */
export function createStatusWriter({ database, sink, table, mayWork, clock, log }: StatusWriterOptions): StatusWriter {
  const stopping = new AbortController();
  const self = newId();
  const reports = createJobReports(sink, clock, log);
  let loop: Promise<void> | undefined;

  const write = async (pending: PendingStatus): Promise<void> => {
    const now = pending.now.toISOString().replace(/\.\d+Z$/, 'Z');
    const status = buildStatus(pending.facts, pending.written, now);
    const same = pending.written !== undefined && canonicalJson(status) === canonicalJson(pending.written);
    let version = pending.version;
    try {
      if (!same) await sink.writeJobStatus({ name: pending.name, uid: pending.uid }, status);
    } catch (error) {
      // Not written: the version stays behind, and the next try is no sooner than any other write of the job.
      version = '0';
      log.warn(
        { cronJob: pending.name, err: error },
        'the status of a CronJob could not be written; tried again later',
      );
    }
    const stored = version === '0' ? null : JSON.stringify(status);
    const told = stored === null ? pending.told : toTell(pending.facts);
    const values = [pending.uid, version, stored, healthyReason(status), told.misses, told.failures];
    await database.query(writtenStatement, values);
    if (stored === null) return;
    const news = newsOf(pending.facts, pending.told, pending.written, status);
    for (const report of news) reports.note({ name: pending.name, uid: pending.uid }, report);
  };

  const look = async (): Promise<void> => {
    if (!mayWork() || !(await holdLease(database, leaseName, self, leaseSeconds))) return;
    const pending = await readPendingStatuses(database, limits);
    // One that is not in the snapshot was deleted, and its name may be another's now.
    await Promise.all(pending.filter(({ uid }) => table()?.jobs.has(uid)).map(write));
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await quietly(log, look);
      await reports.send();
      await sleep(lookEveryMs, stopping.signal);
    }
    await quietly(log, () => giveLeaseBack(database, leaseName, self));
  };

  return {
    start: () => {
      loop ??= run();
    },
    stop: async () => {
      stopping.abort();
      await loop;
    },
  };
}

const writtenStatement = `
  with job as (
    update cron_jobs
    set status_written = greatest(status_written, $2::bigint), status_written_at = talaria_now(),
        status_healthy = case when $3::jsonb is null then status_healthy else $4 end,
        status_urgent = status_urgent and status_version > $2::bigint, misses_told = $5, failures_told = $6
    where uid = $1
    returning uid, agent
  )
  insert into cron_job_statuses (job_uid, agent, status)
  select uid, agent, $3::jsonb from job where $3::jsonb is not null
  on conflict (job_uid) do update set agent = excluded.agent, status = excluded.status`;

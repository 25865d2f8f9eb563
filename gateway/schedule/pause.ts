import { missAll } from '../../core/schedule/missed.ts';
import { nextSlot } from '../../core/schedule/next.ts';
import { type Outcome, slotKey } from '../../core/schedule/outcome.ts';
import type { JobEntry } from '../../core/snapshot/schema.ts';
import type { Table } from '../config/table.ts';
import type { Database, SqlClient } from '../db/pool.ts';
import { readSchedule } from './entry.ts';
import { type JobRow, jobRowColumns, type RawJobRow, toJobRow } from './job-row.ts';
import { writeOutcomes } from './write-outcomes.ts';

/**
 * Pauses a CronJob by hand, until `resumeJob`: no slot starts, and a new spec does not lift it. What runs goes on, and what
 * asks for one run still gets it. False: the database does not know the job, or it belongs to another agent.
 */
export async function pauseJob(database: Database, { uid, agent }: JobEntry): Promise<boolean> {
  return (await database.query(pauseStatement, [uid, agent])).rowCount > 0;
}

/** `not_paused`: nothing stops it. `suspended`: it is not paused, and its spec suspends it. `missing`: as with `pauseJob`. */
export type Resumed = 'resumed' | 'not_paused' | 'suspended' | 'missing';

/**
 * Ends the pause of a CronJob, by hand or after failures. The slots of the pause become missed as Suspended and are not
 * caught up; a job that its spec suspends stays suspended.
 */
export async function resumeJob(database: Database, table: Table, job: JobEntry): Promise<Resumed> {
  return await database.transaction(async (client) => {
    const { rows } = await client.query<RawJobRow & { now: Date }>(lockStatement, [job.uid, job.agent]);
    const raw = rows[0];
    if (raw === undefined) return 'missing';
    const row = toJobRow(raw);
    if (row.pausedReason === undefined) return job.suspend ? 'suspended' : 'not_paused';
    const now = raw.now.getTime();
    const { outcomes, decidedTo, next } = row.suspended ? stillSuspended(row) : endOfPause(row, now);
    await writeOutcomes(client, [{ entry: job, schedule: row.schedule, anchor: row.anchor, outcomes }], table);
    await lift(client, job, { decidedTo, next, now });
    return 'resumed';
  });
}

interface AfterPause {
  readonly outcomes: readonly Outcome[];
  readonly decidedTo: number;
  readonly next: number | undefined;
}

function stillSuspended({ decidedTo }: JobRow): AfterPause {
  return { outcomes: [], decidedTo, next: undefined };
}

function endOfPause(row: JobRow, now: number): AfterPause {
  const schedule = readSchedule(row.schedule);
  if (schedule === undefined || now <= row.decidedTo) return { ...stillSuspended(row), next: undefined };
  return {
    outcomes: missAll(schedule, { from: row.decidedTo, to: now }, row.anchor, 'Suspended'),
    decidedTo: now,
    next: nextSlot(schedule, now, row.anchor),
  };
}

/** The ticker looks at once: it knows the jitter, and what else waits. */
async function lift(
  client: SqlClient,
  { uid, agent }: JobEntry,
  { decidedTo, next, now }: { readonly decidedTo: number; readonly next: number | undefined; readonly now: number },
): Promise<void> {
  const nextAt = next === undefined ? null : slotKey(next);
  await client.query(liftStatement, [uid, agent, slotKey(decidedTo), nextAt, slotKey(now)]);
}

/** `next_start` stays: the ticker may have to look for a run that was asked for, and finds the pause when it does. */
const pauseStatement = `
  update cron_jobs
  set paused_reason = 'Manual', next_slot = null, status_version = status_version + 1, status_urgent = true
  where uid = $1 and agent = $2 and gone_at is null`;

const lockStatement = `
  select ${jobRowColumns}, talaria_now() as now from cron_jobs j
  where j.uid = $1 and j.agent = $2 and j.gone_at is null for update`;

const liftStatement = `
  update cron_jobs
  set paused_reason = null, failures_forgiven = consecutive_failures, decided_to = $3, next_slot = $4, next_start = $5,
      status_version = status_version + 1, status_urgent = true
  where uid = $1 and agent = $2`;

import { z } from 'zod';
import { toWire } from '../../../core/lib/id.ts';
import type { JobEntry } from '../../../core/snapshot/schema.ts';
import type { JobOccurrence, JobSummary } from '../../schedule/list-jobs.ts';
import { scheduleState } from '../../schedule/status.ts';
import { toSeconds, unixSeconds } from '../api-object.ts';
import { countInQuery } from '../body.ts';
import { nameInQuery, seconds } from './shapes.ts';

/** The query of `GET /admin/v1/jobs`. */
export const jobListSchema = z.strictObject({
  limit: countInQuery(100, 20),
  after: nameInQuery('CronJob').optional().describe('Name of the last job of the page before.'),
  agent: nameInQuery('Agent').optional(),
});

/** A CronJob in a list. */
export const jobObjectSchema = z.object({
  name: z.string(),
  object: z.literal('job'),
  uid: z.string(),
  generation: z.int(),
  agent: z.string(),
  schedule: z.string().nullable(),
  at: z.string().nullable().describe('The instant of a job that runs once, RFC 3339.'),
  time_zone: z.string(),
  concurrency_policy: z.enum(['Forbid', 'Allow', 'Replace']),
  state: z
    .enum(['Scheduled', 'Suspended', 'Manual', 'Paused', 'Completed', 'Pending'])
    .describe(
      'Whether it has a next slot, else why not: the reason of its condition Scheduled. Pending: no gateway has stored it yet.',
    ),
  suspended: z.boolean().describe('`spec.suspend`.'),
  paused: z
    .enum(['Failures', 'Manual'])
    .nullable()
    .describe('Failures: too many in a row, until the spec changes. Manual: by hand, until it is resumed by hand.'),
  next_at: seconds('The next slot; null while it is suspended or paused, or has none.'),
  last_scheduled_at: seconds('The newest slot that started.'),
  last_succeeded_at: seconds('The newest slot whose run completed.'),
  active_runs: z.int().min(0),
  consecutive_failures: z.int().min(0),
  missed: z.int().min(0).describe('How many slots were missed, for whatever reason.'),
  last_missed_at: seconds(),
  last_missed_reason: z.string().nullable(),
});

/** A CronJob that is read by itself. */
export const jobDetailSchema = jobObjectSchema.extend({
  missed_by_reason: z.array(z.object({ reason: z.string(), count: z.int().min(0), last_at: z.int() })),
  recent: z
    .array(
      z.object({
        scheduled_at: z.int(),
        outcome: z.enum(['Started', 'Missed']),
        reason: z.string().nullable().describe('Why it was missed.'),
        run_id: z.string().nullable(),
        run_status: z.string().nullable().describe('Null when the run is not kept any more.'),
        deliveries: z.array(z.string()).describe('The status of each delivery of the run.'),
      }),
    )
    .describe('The newest slots, the newest first.'),
});

export type JobObject = z.output<typeof jobObjectSchema>;
export type JobDetail = z.output<typeof jobDetailSchema>;

/** A CronJob as lists of the admin API show it. `summary` is undefined until a gateway has seen the job. */
export function jobObject(entry: JobEntry, summary: JobSummary | undefined): JobObject {
  const [newestMiss] = summary?.missed ?? [];
  return {
    name: entry.name,
    object: 'job',
    uid: entry.uid,
    generation: entry.generation,
    agent: entry.agent,
    schedule: entry.schedule ?? null,
    at: entry.at ?? null,
    time_zone: entry.timeZone,
    concurrency_policy: entry.concurrencyPolicy,
    state: summary === undefined ? 'Pending' : scheduleState(summary),
    suspended: entry.suspend,
    paused: summary?.pausedReason ?? null,
    next_at: toSeconds(summary?.nextSlot),
    last_scheduled_at: toSeconds(summary?.lastStarted),
    last_succeeded_at: toSeconds(summary?.lastSucceeded),
    active_runs: summary?.openRuns ?? 0,
    consecutive_failures: summary?.consecutiveFailures ?? 0,
    missed: (summary?.missed ?? []).reduce((sum, { count }) => sum + count, 0),
    last_missed_at: toSeconds(newestMiss?.lastSlot),
    last_missed_reason: newestMiss?.reason ?? null,
  };
}

/** A CronJob with its newest slots. */
export function jobDetail(
  entry: JobEntry,
  summary: JobSummary | undefined,
  recent: readonly JobOccurrence[],
): JobDetail {
  return {
    ...jobObject(entry, summary),
    missed_by_reason: (summary?.missed ?? []).map(({ reason, count, lastSlot }) => ({
      reason,
      count,
      last_at: unixSeconds(lastSlot),
    })),
    recent: recent.map(({ slot, outcome, reason, run, runStatus, deliveries }) => ({
      scheduled_at: unixSeconds(slot),
      outcome,
      reason: reason === '' ? null : reason,
      run_id: run === undefined ? null : toWire('run', run),
      run_status: runStatus ?? null,
      deliveries: [...deliveries],
    })),
  };
}

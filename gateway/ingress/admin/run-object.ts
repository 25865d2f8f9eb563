import { z } from 'zod';
import { toWire } from '../../../core/lib/id.ts';
import { type AdminRun, runTriggers } from '../../runs/admin-runs.ts';
import type { StoredApproval } from '../../runs/approvals.ts';
import { runErrorOf } from '../../runs/run-error.ts';
import { runStatuses } from '../../runs/run-status.ts';
import { spokenText } from '../../sessions/items.ts';
import { toSeconds, unixSeconds, usageObject } from '../api-object.ts';
import { countInQuery } from '../body.ts';
import { itemSchema, usageSchema } from '../openapi/items.ts';
import { nameInQuery, seconds } from './shapes.ts';

/** The query of `GET /admin/v1/runs`. */
export const adminRunListSchema = z.strictObject({
  limit: countInQuery(100, 20),
  after: z
    .string()
    .max(64)
    .optional()
    .meta({ description: 'Id of the last run of the page before.', pattern: '^run_[0-9a-f]{32}$' }),
  agent: nameInQuery('Agent').optional(),
  job: nameInQuery('CronJob').optional(),
  status: z.enum(runStatuses).optional(),
  trigger: z.enum(runTriggers).optional(),
});

/** The query of `GET /admin/v1/runs/{id}/events`. */
export const runEventsQuerySchema = z.strictObject({
  follow: z.enum(['true', 'false']).default('true').describe('false: ends with what is stored by now.'),
});

/** A run in a list. */
export const adminRunSchema = z.object({
  id: z.string().regex(/^run_[0-9a-f]{32}$/),
  object: z.literal('run'),
  status: z.enum(runStatuses),
  trigger: z.enum(runTriggers),
  agent: z.string(),
  job: z.string().nullable().describe('Name of the CronJob, for the trigger cron.'),
  scheduled_at: seconds('The slot of the CronJob.'),
  principal: z.string().describe('Whose request it was: of a CronJob its uid, of a chat empty.'),
  session_id: z.string().nullable(),
  attempt: z.int().min(0),
  max_attempts: z.int().min(1),
  created_at: z.int(),
  started_at: seconds(),
  finished_at: seconds(),
  model: z.string().nullable(),
  usage: usageSchema.nullable(),
  cost: z.object({ amount: z.string(), currency: z.string() }).nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});

/** A run that is read by itself. */
export const adminRunDetailSchema = adminRunSchema.extend({
  route: z.string().nullable().describe('`<route>/<rule>` that chose the agent.'),
  response_id: z.string().nullable(),
  prompt: z.string().nullable().describe('What a CronJob asked.'),
  input: z.array(itemSchema),
  output: z.array(itemSchema),
  output_text: z.string(),
  finish_reason: z.string().nullable(),
  approvals: z.array(z.object({ call_id: z.string(), name: z.string(), arguments: z.string() })),
});

export type AdminRunObject = z.output<typeof adminRunSchema>;
export type AdminRunDetail = z.output<typeof adminRunDetailSchema>;

/** A run as lists of the admin API show it. */
export function adminRunObject(run: AdminRun): AdminRunObject {
  return {
    id: toWire('run', run.id),
    object: 'run',
    status: run.status,
    trigger: run.trigger,
    agent: run.agent,
    job: run.job ?? null,
    scheduled_at: toSeconds(run.slot),
    principal: run.principal,
    session_id: run.session === undefined ? null : toWire('ses', run.session),
    attempt: run.attempt,
    max_attempts: run.maxAttempts,
    created_at: unixSeconds(run.createdAt),
    started_at: toSeconds(run.startedAt),
    finished_at: toSeconds(run.finishedAt),
    model: run.model ?? null,
    usage: run.usage === undefined ? null : (usageObject(run.usage) as AdminRunObject['usage']),
    cost: run.cost ?? null,
    // Runs of CronJobs have codes of their own.
    error: (run.trigger === 'cron' ? run.error : runErrorOf(run.status, run.error)) ?? null,
  };
}

/** A run with what was asked and answered. `approvals`: the calls that a person was asked about. */
export function adminRunDetail(run: AdminRun, approvals: readonly StoredApproval[] = []): object {
  const waiting = approvals.filter(({ status }) => status === 'pending');
  return {
    ...adminRunObject(run),
    route: run.route === '' ? null : `${run.route}/${run.rule}`,
    response_id: run.response === undefined ? null : toWire('resp', run.response),
    prompt: run.prompt ?? null,
    input: run.input,
    output: run.output,
    output_text: run.outputText ?? spokenText(run.output),
    finish_reason: run.finishReason ?? null,
    approvals: waiting.map(({ callId, tool, arguments: written }) => ({
      call_id: callId,
      name: tool,
      arguments: written,
    })),
  };
}

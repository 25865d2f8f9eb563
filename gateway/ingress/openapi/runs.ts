import { z } from 'zod';
import { hasEnded, runStatuses } from '../../runs/run-status.ts';
import { approvalBodySchema, runBodySchema, runListSchema } from '../runs/run-body.ts';
import { bounds, routing } from './failures.ts';
import { itemSchema, usageSchema } from './items.ts';
import { event, events, json, jsonText, linkTo, operation, shared } from './operation.ts';
import { idInPath, lastEventId, queryOf, turnHeaders } from './parameters.ts';
import { type JsonSchema, listOf, text } from './schema.ts';

/** `/v1/runs` and what is below it. */
export function runPaths(): JsonSchema {
  const id = idInPath('The `id` of a run, `run_...`.');
  const fails = ['run_not_found', 'not_found'] as const;
  return {
    '/v1/runs': {
      post: operation('Starts a turn in the background.', {
        id: 'createRun',
        parameters: turnHeaders(),
        body: runBodySchema,
        examples: { plain: { input: 'Write the report.' } },
        answers: { 202: json('The run, not ended yet.', shared('Run'), runLinks()) },
        fails: [...routing, ...bounds, 'deliver_forbidden'],
      }),
      get: operation('The runs of this key, the newest first.', {
        id: 'listRuns',
        parameters: queryOf(runListSchema),
        answers: { 200: json('A page.', listOf(shared('Run'))) },
        fails: ['unsupported_field', 'run_not_found'],
      }),
    },
    '/v1/runs/{id}': {
      get: operation('A run as it stands.', {
        id: 'readRun',
        parameters: [id],
        answers: { 200: json('The run.', shared('Run')) },
        fails,
      }),
    },
    '/v1/runs/{id}/events': {
      get: operation('What happens in a run, to its end.', {
        id: 'followRun',
        parameters: [id, lastEventId],
        answers: { 200: events('What happened, in order; the last event holds the run.', runEvent) },
        fails: [...fails, 'invalid_header'],
      }),
    },
    '/v1/runs/{id}/stop': {
      post: operation('Asks a run to stop.', {
        id: 'stopRun',
        parameters: [id],
        answers: {
          200: json('The run, which has ended.', shared('Run')),
          202: json('The run, which is asked to stop.', shared('Run')),
        },
        fails,
      }),
    },
    '/v1/runs/{id}/approval': {
      post: operation('Decides on a call that waits for an approval.', {
        id: 'decideApproval',
        parameters: [id],
        body: approvalBodySchema,
        answers: { 200: json('What was decided.', approvalAnswer) },
        fails: [...fails, 'approval_not_pending'],
      }),
    },
  };
}

function runLinks(): JsonSchema {
  return {
    read: linkTo('readRun'),
    follow: linkTo('followRun'),
    stop: linkTo('stopRun'),
    approve: linkTo('decideApproval'),
  };
}

const seconds = z.int().nullable().describe('Unix seconds.');

/** A run, as `#/components/schemas/Run`. */
export const runSchema = z.object({
  id: z.string().regex(/^run_[0-9a-f]{32}$/),
  object: z.literal('run'),
  status: z.enum(runStatuses),
  agent: z.string(),
  route: z.string().nullable().describe('`<route>/<rule>` that chose the agent.'),
  session_id: z.string().nullable(),
  response_id: z.string().nullable(),
  attempt: z.int().min(0),
  created_at: z.int(),
  started_at: seconds,
  finished_at: seconds,
  input: z.array(itemSchema),
  output: z.array(itemSchema),
  output_text: z.string(),
  finish_reason: z.string().nullable(),
  model: z.string().nullable(),
  usage: usageSchema.nullable(),
  cost: z.object({ amount: z.string(), currency: z.string() }).nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  approvals: z.array(z.object({ call_id: z.string(), name: z.string(), arguments: z.string() })),
});

const eventTypes = [
  'run.started',
  'message.delta',
  'message.completed',
  'tool.called',
  'tool.completed',
  'approval.requested',
  'approval.decided',
  'events.truncated',
  ...runStatuses.filter((status) => hasEnded({ status })).map((status) => `run.${status}`),
];

const runEvent = event(
  jsonText({
    type: 'object',
    required: ['type', 'seq', 'run_id'],
    properties: {
      type: { enum: eventTypes },
      seq: { type: 'integer', minimum: 1 },
      run_id: text,
      created_at: { type: 'string', format: 'date-time' },
      run: shared('Run'),
    },
  }),
  { id: { type: 'string', pattern: '^[0-9]+$' }, event: { enum: eventTypes } },
);

const approvalAnswer = z.object({ run_id: z.string(), call_id: z.string(), decision: z.enum(['approve', 'deny']) });

import { z } from 'zod';
import { TalariaError } from '../../../core/lib/errors.ts';
import type { ChatMessage, FunctionTool, TurnParameters } from '../../agent/models/port.ts';
import { runStatuses } from '../../runs/run-status.ts';
import { asksNothing, countInQuery, readBody } from '../body.ts';
import { chatBodySchema, choiceNeedsTools, readChatBody } from '../chat-completions/chat-body.ts';
import { type deliverSchema, refuseUnsupportedTargets } from '../deliver.ts';

/** A run as it was asked for. */
export interface RunRequest {
  /** '' when the request names none. */
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly instructions: string | undefined;
  readonly tools: readonly FunctionTool[];
  readonly parameters: TurnParameters;
  readonly deliver: z.output<typeof deliverSchema>;
}

const { messages, stream: _stream, stream_options: _options, n: _n, ...shared } = chatBodySchema.shape;

/** The body of `POST /v1/runs`; null stands for absent. */
export const runBodySchema = z
  .strictObject({
    ...shared,
    input: z
      .union([z.string().min(1), messages], { error: 'it is neither a text nor a list of messages' })
      .describe('A text, or messages as in a chat completion; in a session, the new turn at their end.'),
    instructions: z.string().max(1_000_000).nullish().describe("Come after the agent's own, for this run alone."),
    stream: asksNothing(),
  })
  .meta(choiceNeedsTools);

/** Reads the body of `POST /v1/runs`, whose fields are those of a chat completion but for `input` and `instructions`. */
export function readRunBody(body: unknown): RunRequest {
  refuseUnsupportedTargets(body);
  const { input, instructions, stream: _, ...rest } = readBody(runBodySchema, body);
  const asChat = { ...rest, messages: typeof input === 'string' ? [{ role: 'user', content: input }] : input };
  const { model, messages, tools, parameters, deliver } = readAsChat(asChat);
  return { model, messages, instructions: instructions ?? undefined, tools, parameters, deliver };
}

function readAsChat(body: unknown) {
  try {
    return readChatBody(body);
  } catch (error) {
    if (!(error instanceof TalariaError) || error.param === null) throw error;
    const param = error.param.replace(/^messages/, 'input');
    throw new TalariaError(error.code, error.message.replaceAll('messages', 'input'), { param });
  }
}

/** The body of `POST /v1/runs/{id}/approval`. */
export const approvalBodySchema = z.strictObject({
  decision: z.enum(['approve', 'deny']),
  call_id: z.string().min(1).max(256).nullish().describe('Which call; not needed while one alone waits.'),
});

/** The query of `GET /v1/runs`. */
export const runListSchema = z.strictObject({
  limit: countInQuery(100, 20),
  after: z
    .string()
    .max(64)
    .optional()
    .meta({ description: 'Id of the last run of the page before.', pattern: '^run_[0-9a-f]{32}$' }),
  agent: z
    .string()
    .regex(/^[a-z0-9-]{1,63}$/, 'it is no name of an Agent')
    .optional(),
  session_id: z.string().max(64).optional().meta({ pattern: '^ses_[0-9a-f]{32}$' }),
  status: z.enum(runStatuses).optional(),
});

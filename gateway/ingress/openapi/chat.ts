import { z } from 'zod';
import { chatBodySchema } from '../chat-completions/chat-body.ts';
import { bounds, routing, turnFailures } from './failures.ts';
import { event, jsonOrEvents, jsonText, operation, shared } from './operation.ts';
import { turnHeaders } from './parameters.ts';
import { type JsonSchema, toSchema } from './schema.ts';

/** `/v1/chat/completions`. */
export function chatPaths(): JsonSchema {
  return {
    '/v1/chat/completions': {
      post: operation('A chat completion, stateless or as a turn of a session.', {
        id: 'createChatCompletion',
        parameters: turnHeaders(),
        body: chatBodySchema,
        examples,
        answers: { 200: chatAnswer },
        fails: [...routing, ...bounds, ...turnFailures, 'run_not_found', 'deliver_forbidden'],
      }),
    },
  };
}

const toolCall = z.object({
  id: z.string(),
  type: z.literal('function'),
  function: z.object({ name: z.string(), arguments: z.string() }),
});

const usage = z.object({
  prompt_tokens: z.int().min(0),
  completion_tokens: z.int().min(0),
  total_tokens: z.int().min(0),
  prompt_tokens_details: z.object({ cached_tokens: z.int().min(0) }).optional(),
  completion_tokens_details: z.object({ reasoning_tokens: z.int().min(0) }).optional(),
});

const finishReason = z
  .string()
  .describe('`stop`, `length`, `tool_calls`, `content_filter`, or the provider’s own word.');

const message = z.object({
  role: z.literal('assistant'),
  content: z.string().nullable(),
  refusal: z.string().nullable(),
  tool_calls: z.array(toolCall).optional(),
});

const answered = { id: z.string().regex(/^chatcmpl-/), created: z.int(), model: z.string().regex(/^talaria\//) };
const choice = { index: z.literal(0), logprobs: z.null() };

const completionSchema = z.object({
  ...answered,
  object: z.literal('chat.completion'),
  choices: z.array(z.object({ ...choice, message, finish_reason: finishReason })).length(1),
  usage,
});

const callPiece = z.object({
  index: z.int().min(0),
  id: z.string().optional(),
  type: z.literal('function').optional(),
  function: z.object({ name: z.string().optional(), arguments: z.string() }),
});

const delta = z.object({
  role: z.literal('assistant').optional(),
  content: z.string().optional(),
  tool_calls: z.array(callPiece).optional(),
});

const chunkSchema = z.object({
  ...answered,
  object: z.literal('chat.completion.chunk'),
  choices: z.array(z.object({ ...choice, delta, finish_reason: finishReason.nullable() })).max(1),
  usage: usage.nullish().describe('In the last chunk, with `stream_options.include_usage`.'),
});

/** A chunk, a failure in mid-stream, or the end. */
const chunkEvent = event({
  oneOf: [{ const: '[DONE]' }, jsonText({ anyOf: [toSchema(chunkSchema), shared('Error')] })],
});

const user = { role: 'user', content: 'What is the weather in Rome?' };
const weather = {
  type: 'function',
  function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
};

const examples = {
  plain: { model: 'any', messages: [user] },
  streamed: { model: 'any', messages: [user], stream: true, stream_options: { include_usage: true } },
  tools: { model: 'any', messages: [user], tools: [weather], tool_choice: 'auto' },
};

/** What a chat completion is answered with, whatever its path. */
export const chatAnswer = jsonOrEvents('The completion; a stream with `stream`.', completionSchema, chunkEvent);

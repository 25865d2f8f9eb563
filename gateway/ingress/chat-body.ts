import { z } from 'zod';
import { TalariaError } from '../../core/lib/errors.ts';
import type { ChatMessage, TurnParameters } from '../agent/models/port.ts';

/** A chat completion as it was asked for. */
export interface ChatRequest {
  /** '' when the request names none. */
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly parameters: TurnParameters;
  readonly stream: boolean;
  /** The stream ends with the usage. */
  readonly includeUsage: boolean;
}

/**
 * Reads the body of `POST /v1/chat/completions`. A field that this version does not act on is refused by name with
 * `unsupported_field` unless its value asks for nothing; anything else that does not fit is `invalid_request`.
 */
export function readChatBody(body: unknown): ChatRequest {
  refuseUnsupportedMessages(body);
  const result = chatBodySchema.safeParse(body);
  if (!result.success) throw firstProblem(result.error);
  const { data } = result;
  const parameters = {
    temperature: data.temperature,
    topP: data.top_p,
    maxOutputTokens: data.max_completion_tokens ?? data.max_tokens,
    stop: typeof data.stop === 'string' ? [data.stop] : data.stop,
    seed: data.seed,
    reasoningEffort: data.reasoning_effort,
    frequencyPenalty: data.frequency_penalty,
    presencePenalty: data.presence_penalty,
    responseFormat: data.response_format,
  };
  return {
    model: data.model ?? '',
    messages: data.messages,
    parameters: withoutAbsent(parameters),
    stream: data.stream ?? false,
    includeUsage: data.stream_options?.include_usage ?? false,
  };
}

/** Deeper values are no schema of an answer, and would overflow the stack of whoever walks over them. */
const maxDepth = 64;

const contentPart = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({
    type: z.literal('image_url'),
    image_url: z.object({ url: z.string(), detail: z.string().optional() }),
  }),
]);

const message = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant']),
  content: z.union([z.string(), z.array(contentPart).min(1)], {
    error: 'it is neither a text nor a list of `text` and `image_url` parts',
  }),
  name: z.string().max(256).optional(),
});

/** The body of `POST /v1/chat/completions`; null stands for absent. */
export const chatBodySchema = z.strictObject({
  model: z.string().max(512).nullish().describe('`talaria/<name>` names an Agent; any other text may match a Route.'),
  messages: z.array(message).min(1).describe('The whole context, or, in a stored session, the new turn at its end.'),
  stream: z.boolean().nullish(),
  stream_options: z
    .object({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(8)]).nullish(),
  seed: z.int().nullish(),
  reasoning_effort: z.string().max(32).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  response_format: z
    .looseObject({ type: z.string() })
    .refine((value) => isShallow(value, maxDepth), `it is nested deeper than ${maxDepth} levels`)
    .nullish(),
  n: z.literal(1).nullish(),
  user: z.string().nullish().describe('Taken and not acted on.'),
  metadata: z.record(z.string(), z.string()).nullish().describe('Taken and not acted on.'),
  safety_identifier: z.string().nullish().describe('Taken and not acted on.'),
  prompt_cache_key: z.string().nullish().describe('Taken and not acted on.'),
  service_tier: z.literal('auto').nullish(),
  parallel_tool_calls: z.boolean().nullish().describe('Without tools it asks for nothing.'),
  store: asksNothing().optional(),
  tools: asksNothing().optional(),
  tool_choice: asksNothing(['none', 'auto']).optional(),
  functions: asksNothing().optional(),
  function_call: asksNothing(['none', 'auto']).optional(),
  logprobs: asksNothing().optional(),
  top_logprobs: asksNothing([0]).optional(),
  logit_bias: asksNothing().optional(),
  modalities: asksNothing().optional(),
  audio: asksNothing().optional(),
  prediction: asksNothing().optional(),
  web_search_options: asksNothing().optional(),
  verbosity: asksNothing().optional(),
  deliver: asksNothing().optional(),
});

/** Tools and audio are told by name before the schema, which could only say that the shape is wrong. */
function refuseUnsupportedMessages(body: unknown): void {
  const messages = isObject(body) && Array.isArray(body.messages) ? body.messages : [];
  for (const [at, message] of messages.entries()) {
    if (!isObject(message)) continue;
    if (message.role === 'tool' || message.role === 'function') throw unsupported(`messages[${at}].role`);
    for (const field of ['tool_calls', 'function_call']) {
      if (!asksForNothing(message[field] ?? null)) throw unsupported(`messages[${at}].${field}`);
    }
    const parts = Array.isArray(message.content) ? message.content : [];
    const strange = parts.findIndex((part) => isObject(part) && !partTypes.has(String(part.type)));
    if (strange >= 0) throw unsupported(`messages[${at}].content[${strange}].type`);
  }
}

const partTypes = new Set(['text', 'image_url']);

/** A field that this version knows and does not act on: only values that ask for nothing are taken. */
function asksNothing(neutral: readonly unknown[] = []) {
  return z
    .unknown()
    .refine((value) => asksForNothing(value) || neutral.includes(value), { params: { unsupported: true } });
}

function asksForNothing(value: unknown): boolean {
  return value === null || value === false || (typeof value === 'object' && Object.keys(value).length === 0);
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((member) => isShallow(member, levels - 1));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function firstProblem(error: z.ZodError): TalariaError {
  const issue = error.issues[0];
  if (issue === undefined) return new TalariaError('invalid_request', 'The body is not valid.');
  const path = pathText(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return unsupported(pathText([...issue.path, issue.keys[0] ?? '']));
  }
  if (issue.code === 'custom' && issue.params?.unsupported === true) return unsupported(path);
  if (path === 'n') return unsupported(path);
  const where = path === '' ? 'The body' : path;
  return new TalariaError('invalid_request', `${where}: ${issue.message}.`, path === '' ? {} : { param: path });
}

function unsupported(field: string): TalariaError {
  return new TalariaError('unsupported_field', `This gateway does not act on \`${field}\`. Leave it out.`, {
    param: field,
  });
}

/** As in `messages[0].content`. */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key, at) => (typeof key === 'number' ? `[${key}]` : at === 0 ? String(key) : `.${String(key)}`))
    .join('');
}

type Defined<T> = { [K in keyof T]?: NonNullable<T[K]> };

function withoutAbsent<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  ) as Defined<T>;
}

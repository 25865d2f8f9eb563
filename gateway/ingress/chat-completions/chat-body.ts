import { z } from 'zod';
import { isObject } from '../../../core/lib/is-object.ts';
import type { ChatMessage, FunctionTool, ToolChoice, TurnParameters } from '../../agent/models/port.ts';
import { asksForNothing, asksNothing, handedOn, readBody, unsupported, withoutAbsent } from '../body.ts';
import { deliverSchema, refuseUnsupportedTargets } from '../deliver.ts';

/** A chat completion as it was asked for. */
export interface ChatRequest {
  /** '' when the request names none. */
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly FunctionTool[];
  readonly parameters: TurnParameters;
  readonly stream: boolean;
  readonly deliver: z.output<typeof deliverSchema>;
  /** The stream ends with the usage. */
  readonly includeUsage: boolean;
}

/**
 * Reads the body of `POST /v1/chat/completions`. A field that this version does not act on is refused by name with
 * `unsupported_field` unless its value asks for nothing; anything else that does not fit is `invalid_request`.
 */
export function readChatBody(body: unknown): ChatRequest {
  refuseUnsupported(body);
  const data: z.output<typeof chatBodySchema> = readBody(isUsual(body) ? usualBodySchema : chatBodySchema, body);
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
    verbosity: data.verbosity,
    toolChoice: toToolChoice(data.tool_choice),
    parallelToolCalls: data.parallel_tool_calls,
  };
  return {
    model: data.model ?? '',
    messages: data.messages,
    tools: (data.tools ?? []).map((tool) => withoutAbsent(tool.function) as FunctionTool),
    parameters: withoutAbsent(parameters),
    deliver: data.deliver,
    stream: data.stream ?? false,
    includeUsage: data.stream_options?.include_usage ?? false,
  };
}

/** Where an image is: at an address that the provider fetches it from, or in the request itself. */
export const imageURL = z
  .string()
  .regex(
    /^(?:[hH][tT][tT][pP][sS]?:\/\/[^\s/]|[dD][aA][tT][aA]:[iI][mM][aA][gG][eE]\/[^,]{1,128};[bB][aA][sS][eE]64,)/,
    'it is neither an http URL nor a data: URL of an image',
  );

const textPart = z.object({ type: z.literal('text'), text: z.string() });
const imagePart = z.object({
  type: z.literal('image_url'),
  image_url: z.object({ url: imageURL, detail: z.string().max(32).optional() }),
});
const contentPart = z.discriminatedUnion('type', [textPart, imagePart]);
const content = z.union([z.string(), z.array(contentPart).min(1)], {
  error: 'it is neither a text nor a list of `text` and `image_url` parts',
});
const name = z.string().max(256).optional();

const toolCall = z.object({
  id: z.string().min(1).max(256),
  type: z.literal('function'),
  function: z.object({ name: z.string().min(1).max(256), arguments: z.string() }),
});

const message = z.discriminatedUnion('role', [
  z.object({ role: z.literal('system'), content, name }),
  z.object({ role: z.literal('developer'), content, name }),
  z.object({ role: z.literal('user'), content, name }),
  z
    .object({
      role: z.literal('assistant'),
      content: content.nullish(),
      tool_calls: z.array(toolCall).max(128).optional(),
      name,
    })
    .refine(({ content: said, tool_calls: calls = [] }) => (said ?? undefined) !== undefined || calls.length > 0, {
      error: 'it has neither content nor tool_calls',
    })
    .meta({
      anyOf: [
        { required: ['content'], properties: { content: { type: ['string', 'array'] } } },
        { required: ['tool_calls'], properties: { tool_calls: { minItems: 1 } } },
      ],
    }),
  z.object({ role: z.literal('tool'), tool_call_id: z.string().min(1).max(256), content }),
]);

/** What a function of a client may look like; its parameters are a JSON Schema, which is handed on. */
export const functionToolSchema = z.object({
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, 'a name is 1 to 64 letters, digits, _ and -'),
  description: z.string().max(65_536).nullish(),
  parameters: handedOn().nullish(),
  strict: z.boolean().nullish(),
});

/** For readers of the schema, what `refuseUnknownChoice` holds and JSON Schema can say. */
export const choiceNeedsTools = {
  if: { required: ['tool_choice'], properties: { tool_choice: { const: 'required' } } },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; nobody awaits the object.
  then: { required: ['tools'], properties: { tools: { type: 'array', minItems: 1 } } },
};

/** The body of `POST /v1/chat/completions`; null stands for absent. */
export const chatBodySchema = z
  .strictObject({
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
    verbosity: z.string().max(32).nullish(),
    frequency_penalty: z.number().min(-2).max(2).nullish(),
    presence_penalty: z.number().min(-2).max(2).nullish(),
    response_format: handedOn()
      .refine(({ type }) => typeof type === 'string', 'it has no `type`')
      .meta({ required: ['type'], properties: { type: { type: 'string' } } })
      .nullish(),
    tools: z
      .array(z.object({ type: z.literal('function'), function: functionToolSchema }))
      .max(128)
      .nullish()
      .describe('Functions of the client: a call of one ends the answer and comes back with its result.'),
    tool_choice: z
      .union([
        z.enum(['none', 'auto', 'required']),
        z.object({ type: z.literal('function'), function: z.object({ name: z.string().max(256) }) }),
      ])
      .nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    n: z.literal(1).nullish(),
    user: z.string().nullish().describe('Taken and not acted on.'),
    metadata: z.record(z.string(), z.string()).nullish().describe('Taken and not acted on.'),
    safety_identifier: z.string().nullish().describe('Taken and not acted on.'),
    prompt_cache_key: z.string().nullish().describe('Taken and not acted on.'),
    service_tier: z.literal('auto').nullish(),
    store: asksNothing(),
    functions: asksNothing(),
    function_call: asksNothing(['none', 'auto']),
    logprobs: asksNothing(),
    top_logprobs: asksNothing([0]),
    logit_bias: asksNothing(),
    modalities: asksNothing(),
    audio: asksNothing(),
    prediction: asksNothing(),
    web_search_options: asksNothing(),
    deliver: deliverSchema,
  })
  .superRefine(refuseUnknownChoice)
  .meta(choiceNeedsTools);

const { shape } = chatBodySchema;

/**
 * The fields of most requests: a schema looks for every field it has, so one with few is faster. `refuseUnknownChoice` has no
 * place here only because `tools` and `tool_choice` are not among them.
 */
const usualBodySchema = z.strictObject({
  model: shape.model,
  messages: shape.messages,
  stream: shape.stream,
  stream_options: shape.stream_options,
  temperature: shape.temperature,
  top_p: shape.top_p,
  max_tokens: shape.max_tokens,
  max_completion_tokens: shape.max_completion_tokens,
  stop: shape.stop,
});

const usualFields: ReadonlySet<string> = new Set(Object.keys(usualBodySchema.shape));

function isUsual(body: unknown): boolean {
  if (!isObject(body)) return false;
  for (const field in body) if (!usualFields.has(field)) return false;
  return true;
}

function refuseUnknownChoice(
  { tools, tool_choice: choice }: { tools?: unknown; tool_choice?: unknown },
  context: z.RefinementCtx,
): void {
  const count = Array.isArray(tools) ? tools.length : 0;
  if (choice === 'required' && count === 0) {
    context.addIssue({ code: 'custom', path: ['tool_choice'], message: 'there are no tools to choose from' });
  }
  if (!isObject(choice) || !isObject(choice.function)) return;
  const wanted = choice.function.name;
  const found = Array.isArray(tools) && tools.some((tool) => tool.function.name === wanted);
  if (!found) {
    context.addIssue({ code: 'custom', path: ['tool_choice', 'function', 'name'], message: 'no tool has this name' });
  }
}

/** What the schema could only call a wrong shape is told by name. */
function refuseUnsupported(body: unknown): void {
  if (!isObject(body)) return;
  refuseUnsupportedTargets(body);
  if (typeof body.n === 'number' && body.n !== 1) throw unsupported('n', 'One answer at a time: leave it out.');
  forEachObject(body.messages, (message, at) => {
    if (message.role === 'function') throw unsupported(`messages[${at}].role`, 'Use the role tool.');
    if (!asksForNothing(message.function_call ?? null)) throw unsupported(`messages[${at}].function_call`);
    if (!asksForNothing(message.audio ?? null)) throw unsupported(`messages[${at}].audio`);
    forEachObject(message.content, ({ type }, part) => {
      if (!partTypes.has(String(type))) throw unsupported(`messages[${at}].content[${part}].type`);
    });
  });
  forEachObject(body.tools, ({ type }, at) => {
    if (typeof type === 'string' && type !== 'function') throw unsupported(`tools[${at}].type`);
  });
  const choice = isObject(body.tool_choice) ? body.tool_choice.type : 'function';
  if (typeof choice === 'string' && choice !== 'function') throw unsupported('tool_choice.type');
}

const partTypes = new Set(['text', 'image_url']);

/** Visits the objects in a list, and nothing where `value` is no list. */
function forEachObject(value: unknown, visit: (entry: Readonly<Record<string, unknown>>, at: number) => void): void {
  if (!Array.isArray(value)) return;
  for (let at = 0; at < value.length; at += 1) if (isObject(value[at])) visit(value[at], at);
}

function toToolChoice(choice: z.output<typeof chatBodySchema>['tool_choice']): ToolChoice | undefined {
  if (choice === null || choice === undefined) return undefined;
  return typeof choice === 'string' ? choice : { name: choice.function.name };
}

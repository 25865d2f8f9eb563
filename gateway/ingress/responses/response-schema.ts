import { z } from 'zod';
import { isObject } from '../../../core/lib/is-object.ts';
import { asksNothing, handedOn } from '../body.ts';
import { functionToolSchema } from '../chat-completions/chat-body.ts';
import { deliverSchema } from '../deliver.ts';
import { inputItemSchema } from './response-input.ts';

const inputList = z.array(inputItemSchema).min(1);
const toolName = z.string().max(256);
const namedTool = z.object({ type: z.literal('function'), name: toolName });
const id = z.string().min(1).max(256);

const textFormat = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({
    type: z.literal('json_schema'),
    name: z.string().min(1).max(64),
    description: z.string().max(65_536).nullish(),
    schema: handedOn(),
    strict: z.boolean().nullish(),
  }),
]);

const metadata = z
  .record(z.string().max(64, 'a key has at most 64 characters'), z.string().max(512))
  .refine((value) => Object.keys(value).length <= 16, 'it has more than 16 pairs');

const fields = z.strictObject({
  model: z.string().max(512).nullish().describe('`talaria/<name>` names an Agent; any other text may match a Route.'),
  instructions: z.string().nullish().describe("After the Agent's own, for this response alone."),
  previous_response_id: id.nullish().describe('Goes on from it, as its Agent. A chain never changes its Agent.'),
  conversation: z
    .union([id, z.object({ id })])
    .nullish()
    .describe('A session (`ses_...`) to go on in.'),
  store: z.boolean().nullish().describe('Default: true. False: nothing is kept, so nothing can go on from it.'),
  background: z.boolean().nullish().describe('Answers at once with `queued`. Cannot be streamed.'),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_obfuscation: z.boolean().nullish() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  max_output_tokens: z.int().min(1).nullish(),
  text: z.strictObject({ format: textFormat.nullish(), verbosity: z.string().max(32).nullish() }).nullish(),
  reasoning: z
    .strictObject({ effort: z.string().max(32).nullish(), summary: asksNothing(), generate_summary: asksNothing() })
    .nullish(),
  tools: z
    .array(functionToolSchema.extend({ type: z.literal('function') }))
    .max(128)
    .nullish()
    .describe('Functions of the client: a call of one ends the response and comes back with its result.'),
  tool_choice: z
    .union([
      z.enum(['none', 'auto', 'required']),
      namedTool,
      z.object({
        type: z.literal('allowed_tools'),
        mode: z.enum(['auto', 'required']).nullish(),
        tools: z.array(namedTool).min(1).max(128),
      }),
    ])
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  truncation: z
    .enum(['auto', 'disabled'])
    .nullish()
    .describe("Either way the Agent's own bounds on the history hold, and nothing else is cut."),
  metadata: metadata.nullish(),
  user: z.string().max(512).nullish().describe('Taken and not acted on.'),
  safety_identifier: z.string().max(512).nullish().describe('Taken and not acted on.'),
  prompt_cache_key: z.string().max(512).nullish().describe('Taken and not acted on.'),
  prompt_cache_retention: asksNothing(['in_memory']),
  service_tier: asksNothing(['auto', 'default']),
  include: asksNothing(),
  prompt: asksNothing(),
  max_tool_calls: asksNothing(),
  top_logprobs: asksNothing([0]),
  context_management: asksNothing(),
  moderation: asksNothing(),
  deliver: deliverSchema,
});

/** The body of `POST /v1/responses`; null stands for absent. */
export const responseBodySchema = fields
  .extend({ input: z.union([z.string(), inputList], { error: 'it is neither a text nor a list of items' }) })
  .superRefine(refuseUnknownChoice);

/** The same of an input that is a list, so that what does not fit is named by its place. */
export const listBodySchema = fields.extend({ input: inputList }).superRefine(refuseUnknownChoice);

/** The body as its schema reads it. */
export type ResponseBody = z.output<typeof responseBodySchema>;

function refuseUnknownChoice({ tools, tool_choice: choice }: Partial<ResponseBody>, context: z.RefinementCtx): void {
  const names = new Set((tools ?? []).map(({ name }) => name));
  const refuse = (path: PropertyKey[], message: string) => context.addIssue({ code: 'custom', path, message });
  if (choice === 'required' && names.size === 0) refuse(['tool_choice'], 'there are no tools to choose from');
  if (!isObject(choice)) return;
  if (choice.type === 'function') {
    if (!names.has(choice.name)) refuse(['tool_choice', 'name'], 'no tool has this name');
    return;
  }
  const unknown = choice.tools.findIndex(({ name }) => !names.has(name));
  if (unknown >= 0) refuse(['tool_choice', 'tools', unknown, 'name'], 'no tool has this name');
}

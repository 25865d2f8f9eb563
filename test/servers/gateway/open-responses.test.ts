import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { createState, type TestState } from '../schedule/state.ts';

let state: TestState;
let mock: MockModel;
let gateway: TestGateway;
beforeAll(async () => {
  [state, mock] = await Promise.all([createState(), startMockModel()]);
  const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const;
  gateway = await startTestGateway({
    databaseUrl: state.url,
    serves: { agents: [{ name: 'main', default: true, model, apiKeys: ['key'] }] },
  });
});
afterAll(async () => {
  await gateway.stop();
  await mock.stop();
  await state.drop();
});
beforeEach(() => mock.always({ kind: 'answer', text: 'Hello there, friend.' }));

const send = (body: object) =>
  fetch(`${gateway.url}/v1/responses`, {
    method: 'POST',
    headers: { authorization: 'Bearer key', 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'talaria/main', ...body }),
  });

const part = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('input_text'), text: z.string() }),
  z.strictObject({
    type: z.literal('output_text'),
    text: z.string(),
    annotations: z.array(z.object({})),
    logprobs: z.array(z.object({})),
  }),
  z.strictObject({
    type: z.literal('input_image'),
    image_url: z.string(),
    detail: z.enum(['low', 'high', 'auto']),
  }),
]);
const status = z.enum(['in_progress', 'completed', 'incomplete']);
const item = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('message'),
    id: z.string(),
    status,
    role: z.enum(['user', 'assistant', 'system', 'developer']),
    content: z.array(part),
  }),
  z.strictObject({
    type: z.literal('function_call'),
    id: z.string(),
    call_id: z.string(),
    name: z.string().min(1),
    arguments: z.string(),
    status,
  }),
]);
const tool = z.strictObject({
  type: z.literal('function'),
  name: z.string(),
  description: z.string().nullable(),
  parameters: z.record(z.string(), z.unknown()).nullable(),
  strict: z.boolean().nullable(),
});
/** The response object, with every field that the specification requires. */
const resource = z.object({
  id: z.string(),
  object: z.literal('response'),
  created_at: z.int(),
  completed_at: z.int().nullable(),
  status: z.string(),
  incomplete_details: z.strictObject({ reason: z.string() }).nullable(),
  model: z.string(),
  previous_response_id: z.string().nullable(),
  instructions: z.string().nullable(),
  output: z.array(item),
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  tools: z.array(tool),
  tool_choice: z.unknown().refine((value) => value !== undefined),
  truncation: z.enum(['auto', 'disabled']),
  parallel_tool_calls: z.boolean(),
  text: z.object({ format: z.object({ type: z.string() }) }),
  top_p: z.number(),
  presence_penalty: z.number(),
  frequency_penalty: z.number(),
  top_logprobs: z.int(),
  temperature: z.number(),
  reasoning: z.object({ effort: z.string().nullable(), summary: z.string().nullable() }).nullable(),
  usage: z
    .strictObject({
      input_tokens: z.int(),
      output_tokens: z.int(),
      total_tokens: z.int(),
      input_tokens_details: z.object({ cached_tokens: z.int() }),
      output_tokens_details: z.object({ reasoning_tokens: z.int() }),
    })
    .nullable(),
  max_output_tokens: z.int().nullable(),
  max_tool_calls: z.int().nullable(),
  store: z.boolean(),
  background: z.boolean(),
  service_tier: z.string(),
  metadata: z.record(z.string(), z.string()),
  safety_identifier: z.string().nullable(),
  prompt_cache_key: z.string().nullable(),
  conversation: z.strictObject({ id: z.string() }).nullable(),
});

const numbered = { sequence_number: z.int() };
const ofItem = { ...numbered, output_index: z.int(), item_id: z.string() };
const ofPart = { ...ofItem, content_index: z.int() };
const ofResponse = { ...numbered, response: resource };
const streamEvent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('response.created'), ...ofResponse }),
  z.strictObject({ type: z.literal('response.in_progress'), ...ofResponse }),
  z.strictObject({ type: z.literal('response.completed'), ...ofResponse }),
  z.strictObject({ type: z.literal('response.failed'), ...ofResponse }),
  z.strictObject({ type: z.literal('response.incomplete'), ...ofResponse }),
  z.strictObject({ type: z.literal('response.output_item.added'), ...numbered, output_index: z.int(), item }),
  z.strictObject({ type: z.literal('response.output_item.done'), ...numbered, output_index: z.int(), item }),
  z.strictObject({ type: z.literal('response.content_part.added'), ...ofPart, part }),
  z.strictObject({ type: z.literal('response.content_part.done'), ...ofPart, part }),
  z.object({ type: z.literal('response.output_text.delta'), ...ofPart, delta: z.string() }),
  z.object({ type: z.literal('response.output_text.done'), ...ofPart, text: z.string() }),
  z.strictObject({ type: z.literal('response.function_call_arguments.delta'), ...ofItem, delta: z.string() }),
  z.object({ type: z.literal('response.function_call_arguments.done'), ...ofItem, arguments: z.string() }),
  z.object({
    type: z.literal('error'),
    ...numbered,
    error: z.object({
      type: z.string(),
      code: z.string().nullable(),
      message: z.string(),
      param: z.string().nullable(),
    }),
  }),
]);

async function whole(body: object): Promise<z.output<typeof resource>> {
  const response = await send(body);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  return resource.parse(await response.json());
}

/** The events of a stream, each of the specification's shape, under its own name and numbered without a gap. */
async function streamed(body: object): Promise<readonly z.output<typeof streamEvent>[]> {
  const response = await send({ ...body, stream: true });
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const blocks = (await response.text()).split('\n\n').filter((block) => block !== '');
  expect(blocks.pop()).toBe('data: [DONE]');
  return blocks.map((block, at) => {
    const [name, data] = block.split('\n');
    const event = streamEvent.parse(JSON.parse(data?.slice('data: '.length) ?? ''));
    expect([name, event.sequence_number]).toEqual([`event: ${event.type}`, at]);
    return event;
  });
}

const says = (content: unknown, role = 'user') => ({ type: 'message', role, content });
const weather = {
  type: 'function',
  name: 'get_weather',
  description: 'The weather of a place.',
  parameters: { type: 'object', properties: { location: { type: 'string' } }, required: ['location'] },
};
const call = { id: 'call_1', name: 'get_weather', arguments: { location: 'Lisbon' } };

describe('Open Responses compliance case', () => {
  it('basic-response: a message of the user is answered with a complete response object', async () => {
    const response = await whole({ input: [says('Greet me in three words.')] });
    expect(response.status).toBe('completed');
    expect(response.completed_at).not.toBeNull();
    expect(response.output).toMatchObject([{ type: 'message', role: 'assistant' }]);
  });

  it('streaming-response: the events lead to the final response', async () => {
    const events = await streamed({ input: [says('Greet me.')] });
    const last = events.at(-1);
    expect(events[0]?.type).toBe('response.created');
    expect(last).toMatchObject({ type: 'response.completed', response: { status: 'completed' } });
    const text = events.flatMap((event) => (event.type === 'response.output_text.delta' ? [event.delta] : []));
    expect(text.join('')).toBe('Hello there, friend.');
  });

  it('system-prompt: a message of the system stands before that of the user', async () => {
    const response = await whole({ input: [says('Talk like a pirate.', 'system'), says('Greet me.')] });
    expect(response.status).toBe('completed');
    expect(mock.requests.at(-1)?.body.messages).toEqual([
      { role: 'system', content: 'Talk like a pirate.' },
      { role: 'user', content: 'Greet me.' },
    ]);
  });

  it('tool-calling: a function of the client is called', async () => {
    mock.next({ kind: 'tools', calls: [call] });
    const response = await whole({ input: [says('The weather in Lisbon?')], tools: [weather] });
    expect(response.output).toMatchObject([
      { type: 'function_call', call_id: 'call_1', name: 'get_weather', arguments: '{"location":"Lisbon"}' },
    ]);
  });

  it('tool-calling-streaming: the call is opened, its arguments come in pieces, and both are closed', async () => {
    mock.next({ kind: 'tools', calls: [call] });
    const events = await streamed({ input: [says('The weather in Lisbon?')], tools: [weather] });
    const types = events.map(({ type }) => type).filter((type, at, all) => type !== all[at - 1]);
    expect(types).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(events[2]).toMatchObject({ item: { type: 'function_call', name: 'get_weather', status: 'in_progress' } });
  });

  it('image-input: an image goes to the model', async () => {
    const image_url = 'data:image/png;base64,iVBORw0KGgo=';
    const content = [
      { type: 'input_text', text: 'What is this?' },
      { type: 'input_image', image_url },
    ];
    const response = await whole({ input: [says(content)] });
    expect(response.status).toBe('completed');
    expect(mock.requests.at(-1)?.body.messages.at(-1)?.content).toEqual([
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: image_url } },
    ]);
  });

  it('multi-turn: what was said before may be sent along', async () => {
    const response = await whole({
      input: [says('I am Alice.'), says('Hello Alice.', 'assistant'), says('Who am I?')],
    });
    expect(response.status).toBe('completed');
    expect(mock.requests.at(-1)?.body.messages).toEqual([
      { role: 'user', content: 'I am Alice.' },
      { role: 'assistant', content: 'Hello Alice.' },
      { role: 'user', content: 'Who am I?' },
    ]);
  });
});

describe('by the Open Responses specification', () => {
  it('the context of a response is input, output and new input, in this order', async () => {
    const first = await whole({ input: 'one', instructions: 'First only.' });
    await whole({ input: 'two', previous_response_id: first.id });
    expect(mock.requests.at(-1)?.body.messages.map(({ content }) => content)).toEqual([
      'one',
      'Hello there, friend.',
      'two',
    ]);
  });

  it('a response that belongs to a conversation names it', async () => {
    const first = await whole({ input: 'one' });
    const second = await whole({ input: 'two', conversation: first.conversation });
    expect(second.conversation).toEqual(first.conversation);
  });

  it('allowed_tools is a hard bound on what is called, and all tools are repeated', async () => {
    const mail = { type: 'function', name: 'mail', parameters: null };
    const response = await whole({
      input: 'Do it.',
      tools: [weather, mail],
      tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'mail' }] },
    });
    expect(mock.requests.at(-1)?.body.tools).toMatchObject([{ function: { name: 'mail' } }]);
    expect(response.tools.map(({ name }) => name)).toEqual(['get_weather', 'mail']);
  });

  it('a tool_choice reaches the model', async () => {
    mock.next({ kind: 'tools', calls: [call] });
    const tool_choice = { type: 'function', name: 'get_weather' };
    const response = await whole({ input: 'Rain?', tools: [weather], tool_choice, parallel_tool_calls: false });
    expect(mock.requests.at(-1)?.body).toMatchObject({
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
      parallel_tool_calls: false,
    });
    expect(response).toMatchObject({ tool_choice, parallel_tool_calls: false });
  });

  it('an error while streaming is followed by response.failed', async () => {
    mock.next({ kind: 'reset', text: 'half' });
    const events = await streamed({ input: 'x' });
    expect(events.slice(-2)).toMatchObject([
      { type: 'error', error: { code: 'model_failed' } },
      { type: 'response.failed', response: { status: 'failed', error: { code: 'model_failed' } } },
    ]);
  });

  it.each([
    ['compact', '/v1/responses/compact', 'POST'],
    ['cancel', '/v1/responses/resp_x/cancel', 'POST'],
  ])('%s is not offered', async (_what, path, method) => {
    const response = await fetch(`${gateway.url}${path}`, { method, headers: { authorization: 'Bearer key' } });
    expect([404, 405]).toContain(response.status);
  });

  it.each([
    ['file-input', { input: [says([{ type: 'input_file', file_id: 'file-1' }])] }, 'input[0].content[0].type'],
    ['file-search', { tools: [{ type: 'file_search', vector_store_ids: ['vs_1'] }] }, 'tools[0].type'],
    ['web-search', { tools: [{ type: 'web_search', external_web_access: false }] }, 'tools[0].type'],
    ['item references', { input: [{ type: 'item_reference', id: 'msg_1' }] }, 'input[0].type'],
    ['compacted input', { input: [{ type: 'compaction', encrypted_content: 'x' }] }, 'input[0].type'],
    ['included extras', { include: ['message.output_text.logprobs'] }, 'include'],
    ['log probabilities', { top_logprobs: 5 }, 'top_logprobs'],
    ['a bound on tool calls', { max_tool_calls: 1 }, 'max_tool_calls'],
    ['summaries of reasoning', { reasoning: { effort: 'low', summary: 'auto' } }, 'reasoning.summary'],
    ['service tiers', { service_tier: 'priority' }, 'service_tier'],
  ])('%s are refused, and the refusal names the field', async (_what, body, param) => {
    const response = await send({ input: 'x', ...body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'unsupported_field', param } });
  });
});

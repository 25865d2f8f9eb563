import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { deadline } from '../../../../../core/lib/deadline.ts';
import type { AgentEntry } from '../../../../../core/snapshot/schema.ts';
import { createModels, type Models } from '../../../../../gateway/agent/models/models.ts';
import type { ChatMessage, Delta, ModelAnswer, ModelCall } from '../../../../../gateway/agent/models/port.ts';
import { createEgressPolicy } from '../../../../../gateway/egress.ts';
import { type AgentFields, configuration } from '../../../../harness/entries.ts';
import {
  anthropicEvent,
  type MockAnthropic,
  messageStart,
  startMockAnthropic,
} from '../../../../harness/mock-anthropic.ts';
import { waitFor } from '../../../../harness/wait-for.ts';

const loaded = vi.hoisted(() => ({ times: 0 }));
vi.mock('@ai-sdk/anthropic', async (original) => {
  loaded.times += 1;
  return await original<object>();
});

let mock: MockAnthropic;
let models: Models;
beforeAll(async () => {
  mock = await startMockAnthropic();
});
afterAll(() => mock.stop());
beforeEach(() => {
  models = createModels({
    egress: createEgressPolicy({ kind: 'models', allow: ['127.0.0.1'], privateNetworks: true }),
  });
});
afterEach(() => models.stop());

const key = 'sk-ant-secret';

it('the package is loaded by the first call of an agent that needs it, not before', async () => {
  await import('../../../../../gateway/gateway.ts');
  models.forAgent(agentOf({}), { credential: () => key });
  expect(loaded.times).toBe(0);
  await call({});
  expect(loaded.times).toBe(1);
});

describe('a call', () => {
  it('sends messages, model, parameters and key, and reads text and usage', async () => {
    const parameters = { temperature: 0.5, maxOutputTokens: 100, stop: ['END'], seed: 7, extra: '{"top_k":3}' };
    const answer = await call(
      { name: 'claude-sonnet-4-5', parameters },
      { parameters: { frequencyPenalty: 1, maxOutputTokens: 50 } },
    );
    expect(answer).toEqual({
      text: 'Hello!',
      toolCalls: [],
      finishReason: 'stop',
      usage: { inputTokens: 14, outputTokens: 7, cachedTokens: 3 },
      model: 'claude-sonnet-4-5',
    });
    expect(mock.requests.at(-1)).toMatchObject({ path: '/v1/messages', headers: { 'x-api-key': key } });
    expect(mock.requests.at(-1)?.headers.authorization).toBeUndefined();
    expect(mock.requests.at(-1)?.body).toEqual({
      model: 'claude-sonnet-4-5',
      max_tokens: 50,
      temperature: 0.5,
      stop_sequences: ['END'],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'what is it?' }] }],
      stream: true,
      top_k: 3,
    });
  });

  it('refuses an image whose type has no end at once', async () => {
    const url = `data:image/${'a'.repeat(1_000_000)}`;
    const messages: ChatMessage[] = [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }];
    await expect(call({}, { messages })).rejects.toThrow('neither at an http address nor a data: URL');
  });

  it('puts instructions first, and images, calls and results in the places that the API has for them', async () => {
    const messages: ChatMessage[] = [
      { role: 'system', content: 'Be kind.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'what are these?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAEC' } },
          { type: 'image_url', image_url: { url: 'https://example.com/a.jpg', detail: 'low' } },
        ],
      },
      { role: 'assistant', content: '' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'look', arguments: '{"q":1}' } },
          { id: 'b', type: 'function', function: { name: 'look', arguments: 'not json' } },
        ],
      },
      { role: 'developer', content: 'Be brief.' },
      { role: 'tool', tool_call_id: 'a', content: 'seen' },
      { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'nothing' }] },
      { role: 'user', content: 'go on' },
    ];
    await call({}, { messages });
    expect(mock.requests.at(-1)?.body).toMatchObject({
      system: [
        { type: 'text', text: 'Be kind.' },
        { type: 'text', text: 'Be brief.' },
      ],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'what are these?' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAEC' } },
            { type: 'image', source: { type: 'url', url: 'https://example.com/a.jpg' } },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'tool_use', id: 'a', name: 'look', input: { q: 1 } },
            { type: 'tool_use', id: 'b', name: 'look', input: { arguments: 'not json' } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'a', content: 'seen' },
            { type: 'tool_result', tool_use_id: 'b', content: [{ type: 'text', text: 'nothing' }] },
            { type: 'text', text: 'go on' },
          ],
        },
      ],
    });
  });

  it.each([
    ['auto', { type: 'auto', disable_parallel_tool_use: true }],
    ['none', { type: 'none' }],
    ['required', { type: 'any', disable_parallel_tool_use: true }],
    [{ name: 'look' }, { type: 'tool', name: 'look', disable_parallel_tool_use: true }],
  ] as const)('offers functions and the choice %o', async (toolChoice, expected) => {
    const parameters = { type: 'object', properties: { q: { type: 'number' } } };
    const tools = [{ name: 'look', description: 'Looks.', parameters }, { name: 'bare' }];
    await call({}, { tools, parameters: { toolChoice, parallelToolCalls: false } });
    expect(mock.requests.at(-1)?.body).toMatchObject({
      tools: [
        { name: 'look', description: 'Looks.', input_schema: parameters },
        { name: 'bare', input_schema: { type: 'object' } },
      ],
      tool_choice: expected,
    });
  });

  it('asks for an answer in JSON by its schema', async () => {
    const schema = { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false };
    const responseFormat = { type: 'json_schema', json_schema: { name: 'it', schema } };
    await call({ name: 'claude-sonnet-4-5' }, { parameters: { responseFormat } });
    expect(mock.requests.at(-1)?.body).toMatchObject({ output_config: { format: { type: 'json_schema', schema } } });
  });

  it('thinks as much as is asked for, but not when it goes on after a call: its thoughts are not kept', async () => {
    const model = { name: 'claude-opus-4-5', parameters: { reasoningEffort: 'high' } };
    await call(model);
    expect(mock.requests.at(-1)?.body).toHaveProperty('thinking');
    const messages: ChatMessage[] = [
      { role: 'user', content: 'look' },
      {
        role: 'assistant',
        tool_calls: [{ id: 'a', type: 'function', function: { name: 'look', arguments: '' } }],
      },
      { role: 'tool', tool_call_id: 'a', content: 'seen' },
    ];
    await call(model, { messages });
    expect(mock.requests.at(-1)?.body).not.toHaveProperty('thinking');
  });

  it('lone surrogates in what is sent and what comes pass', async () => {
    mock.next({ kind: 'answer', text: 'half \ud83d' });
    const messages = [{ role: 'user', content: 'a \udc00' }] as const;
    expect(await call({}, { messages })).toMatchObject({ text: 'half \ud83d' });
    expect(mock.requests.at(-1)?.body.messages).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'a \udc00' }] },
    ]);
  });
});

describe('an answer', () => {
  it('is handed on as it comes, and no faster than it is taken', async () => {
    const texts: string[] = [];
    let open = 0;
    let most = 0;
    mock.next({ kind: 'answer', text: 'a b c d', pauseMs: 5 });
    await call(
      {},
      {
        onDelta: async (delta) => {
          open += 1;
          most = Math.max(most, open);
          await new Promise((resolve) => setImmediate(resolve));
          open -= 1;
          if (delta.type === 'text') texts.push(delta.text);
        },
      },
    );
    expect(texts).toEqual(['a ', 'b ', 'c ', 'd']);
    expect(most).toBe(1);
  });

  it('with calls gives them whole and in pieces', async () => {
    const calls = [
      { id: 'toolu_1', name: 'look', arguments: { where: 'in the garden' } },
      { id: 'toolu_2', name: 'look', arguments: {} },
    ];
    mock.next({ kind: 'answer', text: 'one moment', calls });
    const deltas: Delta[] = [];
    const answer = await call({}, { tools: [{ name: 'look' }], onDelta: (delta) => void deltas.push(delta) });
    expect(answer).toMatchObject({ text: 'one moment', finishReason: 'tool_calls' });
    expect(answer.toolCalls).toEqual([
      { id: 'toolu_1', type: 'function', function: { name: 'look', arguments: '{"where":"in the garden"}' } },
      { id: 'toolu_2', type: 'function', function: { name: 'look', arguments: '{}' } },
    ]);
    const pieces = deltas.flatMap((delta) => (delta.type === 'tool_call' ? [delta] : []));
    expect(pieces[0]).toEqual({ type: 'tool_call', index: 0, id: 'toolu_1', name: 'look', arguments: '' });
    const written = (index: number) =>
      pieces.flatMap((piece) => (piece.index === index ? [piece.arguments] : [])).join('');
    expect([written(0), written(1)]).toEqual(['{"where":"in the garden"}', '{}']);
  });

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['refusal', 'content_filter'],
    ['new_reason', 'new_reason'],
  ])('that stopped for %s has the reason %s', async (stopReason, expected) => {
    mock.next({ kind: 'answer', stopReason });
    expect(await call({})).toMatchObject({ finishReason: expected });
  });

  it('tells the tokens of thinking', async () => {
    mock.next({ kind: 'answer', usage: { output_tokens: 9, output_tokens_details: { thinking_tokens: 4 } } });
    expect((await call({})).usage).toEqual({ inputTokens: 14, outputTokens: 9, cachedTokens: 3, reasoningTokens: 4 });
  });

  it('may hold events of types that are new', async () => {
    const block = { index: 0, content_block: { type: 'text', text: '' } };
    const delta = { index: 0, delta: { type: 'text_delta', text: 'ok' } };
    const stop = { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 1 } };
    mock.next({
      kind: 'raw',
      contentType: 'text/event-stream',
      pieces: [
        messageStart(),
        anthropicEvent('weather', { rain: true }),
        anthropicEvent('content_block_start', block) + anthropicEvent('content_block_delta', delta),
        anthropicEvent('message_delta', stop) + anthropicEvent('message_stop'),
      ],
    });
    expect(await call({})).toMatchObject({ text: 'ok', finishReason: 'stop' });
  });
});

describe('a server that fails', () => {
  it.each([
    ['answers 400 and says why', { kind: 'fail', status: 400, message: `no ${key}` }, /status 400: no \[redacted\]$/],
    ['answers 401', { kind: 'fail', status: 401, message: key }, /status 401$/],
    ['answers 302', { kind: 'fail', status: 302 }, /status 302$/],
    ['breaks the connection', { kind: 'reset' }, /broke the connection/],
    ['breaks the connection in the middle', { kind: 'reset', text: 'half' }, /broke the connection/],
    [
      'reports a failure in the middle',
      { kind: 'error-event', type: 'overloaded_error', text: 'half' },
      /inside its answer \(overloaded_error\)/,
    ],
    ['answers with garbage', { kind: 'raw', contentType: 'text/html', pieces: ['<html>'] }, /before it was complete/],
    [
      'streams garbage',
      { kind: 'raw', contentType: 'text/event-stream', pieces: ['data: garbage\n\n'] },
      /cannot be read/,
    ],
    [
      'streams garbage in the middle',
      { kind: 'raw', contentType: 'text/event-stream', pieces: [messageStart(), 'data: {"type":"message_delta"}\n\n'] },
      /cannot be read/,
    ],
    [
      'ends its stream early',
      { kind: 'raw', contentType: 'text/event-stream', pieces: [messageStart()] },
      /before it was complete/,
    ],
  ] as const)('%s', async (_what, behaviour, message) => {
    mock.next(behaviour);
    const failure: unknown = await call({}).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'ModelError', message: expect.stringMatching(message) });
    expect(JSON.stringify(plain(failure))).not.toContain(key);
    expect(JSON.stringify(plain(failure)), 'nothing of the request').not.toContain('what is it?');
  });

  it('sends an answer without end: it is cut off', async () => {
    const piece = Buffer.alloc(4 * 1024 * 1024, 'x');
    mock.next({ kind: 'raw', contentType: 'text/event-stream', pieces: Array.from({ length: 10 }, () => piece) });
    await expect(call({})).rejects.toThrow(/over 32 MiB/);
  });

  it('hangs before its answer: the call ends at its deadline', async () => {
    mock.next({ kind: 'hang' });
    await expect(call({ timeoutSeconds: 1 })).rejects.toThrow(/did not finish within 1 s/);
    await waitFor('the server to see the request closed', () => mock.requests.at(-1)?.aborted());
  });

  it('hangs in the middle: the call ends at its deadline', async () => {
    mock.next({ kind: 'stall', text: 'half' });
    await expect(call({ timeoutSeconds: 1 })).rejects.toThrow(/did not finish within 1 s/);
    await waitFor('the server to see the request closed', () => mock.requests.at(-1)?.aborted());
  });

  it('is left at once when the caller goes', async () => {
    const controller = new AbortController();
    mock.next({ kind: 'stall', text: 'half' });
    const onDelta = () => controller.abort();
    await expect(call({}, { onDelta, limit: deadline(60_000, controller.signal) })).rejects.toMatchObject({
      name: 'AbortError',
    });
    await waitFor('the server to see the request closed', () => mock.requests.at(-1)?.aborted());
  });

  it('is left at once when what it said cannot be taken', async () => {
    mock.next({ kind: 'stall', text: 'half' });
    const onDelta = () => {
      throw new Error('the client has gone');
    };
    await expect(call({}, { onDelta })).rejects.toThrow();
    await waitFor('the server to see the request closed', () => mock.requests.at(-1)?.aborted());
  });

  it('cannot be reached', async () => {
    const gone = await startMockAnthropic();
    await gone.stop();
    await expect(call({ baseURL: gone.baseURL })).rejects.toThrow(/could not be reached.*ECONNREFUSED/);
    // A port that fetch does not go to.
    await expect(call({ baseURL: 'http://127.0.0.1:1/v1' })).rejects.toThrow(/could not be reached/);
  });

  it('is at an address that egress refuses: nothing is sent', async () => {
    await models.stop();
    models = createModels({ egress: createEgressPolicy({ kind: 'models', allow: [], privateNetworks: true }) });
    const before = mock.requests.length;
    await expect(call({})).rejects.toThrow(/loopback.*egress\.models\.allow/);
    expect(mock.requests.length).toBe(before);
  });
});

describe('retries and fallbacks', () => {
  it.each([
    ['status 429, after the time it asks for', { kind: 'fail', status: 429, type: 'rate_limit_error', retryAfter: 0 }],
    ['status 529', { kind: 'fail', status: 529, type: 'overloaded_error', retryAfter: 0 }],
    ['overloaded_error for a first event', { kind: 'error-event', type: 'overloaded_error' }],
    ['a broken connection', { kind: 'reset' }],
  ] as const)('repeats after %s', async (_what, behaviour) => {
    const before = mock.requests.length;
    mock.next(behaviour, { kind: 'answer', text: 'second' });
    expect(await call({ maxRetries: 1 })).toMatchObject({ text: 'second' });
    expect(mock.requests.length - before).toBe(2);
  });

  it.each([
    ['its first word', { kind: 'reset', text: 'half' }],
    ['its first event', { kind: 'raw', contentType: 'text/event-stream', pieces: [messageStart()] }],
    ['garbage', { kind: 'raw', contentType: 'text/event-stream', pieces: ['data: garbage\n\n'] }],
  ] as const)('never repeats after %s', async (_what, behaviour) => {
    const before = mock.requests.length;
    mock.next(behaviour);
    await expect(call({ maxRetries: 3, fallbacks: [settings('spare', 'spare-key')] })).rejects.toThrow();
    expect(mock.requests.length - before).toBe(1);
  });

  it('asks once and no more without retries of the Agent', async () => {
    const before = mock.requests.length;
    mock.next({ kind: 'fail', status: 503 });
    await expect(call({})).rejects.toThrow(/status 503/);
    expect(mock.requests.length - before).toBe(1);
  });

  it('asks a fallback with its own key and says which model answered', async () => {
    mock.next({ kind: 'fail', status: 400 });
    expect(await call({ fallbacks: [settings('spare', 'spare-key')] })).toMatchObject({ model: 'spare' });
    expect(mock.requests.slice(-2).map(({ headers }) => headers['x-api-key'])).toEqual([key, 'value-of-spare-key']);
  });
});

it('without its key the agent is not ready, whatever the environment holds', () => {
  vi.stubEnv('ANTHROPIC_API_KEY', 'sk-of-somebody-else');
  const { apiKey: _, ...keyless } = settings('claude-x', 'own');
  const [agent] = configuration({ agents: [{ name: 'a', model: keyless }] }).snapshot.content.agents;
  if (!agent) throw new Error('no agent');
  expect(() => models.forAgent(agent, { credential: () => undefined })).toThrowError(
    expect.objectContaining({ code: 'agent_not_ready', message: expect.stringContaining('API key is missing') }),
  );
  vi.unstubAllEnvs();
});

function settings(name: string, apiKey: string): AgentEntry['model']['fallbacks'][number] {
  return {
    provider: 'anthropic',
    name,
    baseURL: mock.baseURL,
    apiKey,
    parameters: {},
    timeoutSeconds: 5,
    maxRetries: 0,
  };
}

function agentOf(model: AgentFields['model']): AgentEntry {
  const [agent] = configuration({ agents: [{ name: 'a', model: { ...settings('claude-x', 'own'), ...model } }] })
    .snapshot.content.agents;
  if (!agent) throw new Error('no agent');
  return agent;
}

/** An error with everything that hangs on it. */
function plain(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return { ...error, name: error.name, message: error.message, stack: error.stack, cause: plain(error.cause) };
}

async function call(model: AgentFields['model'], fields: Partial<ModelCall> = {}): Promise<ModelAnswer> {
  const credential = (name: string) => (name === 'own' ? key : `value-of-${name}`);
  return await models.forAgent(agentOf(model), { credential })({
    messages: [{ role: 'user', content: 'what is it?' }],
    parameters: {},
    limit: deadline(60_000),
    ...fields,
  });
}

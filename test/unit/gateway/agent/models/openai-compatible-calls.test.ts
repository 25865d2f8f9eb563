import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deadline } from '../../../../../core/lib/deadline.ts';
import { createModels, type Models } from '../../../../../gateway/agent/models/models.ts';
import type { Delta, ModelAnswer, ModelCall } from '../../../../../gateway/agent/models/port.ts';
import { createEgressPolicy } from '../../../../../gateway/egress.ts';
import { type AgentFields, configuration } from '../../../../harness/entries.ts';
import { type MockModel, type ModelBehaviour, startMockModel } from '../../../../harness/mock-model.ts';
import { waitFor } from '../../../../harness/wait-for.ts';

let mock: MockModel;
let models: Models;
beforeAll(async () => {
  mock = await startMockModel();
  models = createModels({
    egress: createEgressPolicy({ kind: 'models', allow: ['127.0.0.1'], privateNetworks: true }),
  });
});
afterAll(async () => {
  await models.stop();
  await mock.stop();
});

const look = { name: 'look', description: 'Looks.', parameters: { type: 'object' }, strict: true };

describe('a request with functions', () => {
  it('sends their description and nothing else of them', async () => {
    const own = { ...look, requiresApproval: true, run: () => 'x' };
    await call({}, { tools: [own, { name: 'add' }], parameters: { toolChoice: 'auto', parallelToolCalls: false } });
    expect(mock.requests.at(-1)?.body).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'what is it?' }],
      tools: [
        { type: 'function', function: look },
        { type: 'function', function: { name: 'add' } },
      ],
      tool_choice: 'auto',
      parallel_tool_calls: false,
    });
  });

  it('names the function that the model must call', async () => {
    await call({}, { tools: [look], parameters: { toolChoice: { name: 'look' } } });
    expect(mock.requests.at(-1)?.body.tool_choice).toEqual({ type: 'function', function: { name: 'look' } });
  });

  it('says nothing of calls where there are no functions', async () => {
    await call({}, { tools: [], parameters: { toolChoice: 'none', parallelToolCalls: true, verbosity: 'low' } });
    expect(mock.requests.at(-1)?.body).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'what is it?' }],
      verbosity: 'low',
    });
  });

  it('sends calls and their results back as they came, lone surrogates too', async () => {
    const messages: ModelCall['messages'] = [
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }] },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'a', type: 'function', function: { name: 'look', arguments: '{"q":"\ud800"}' } }],
      },
      { role: 'tool', tool_call_id: 'a', content: 'seen \udc00' },
    ];
    await call({}, { messages, tools: [look] });
    expect(mock.requests.at(-1)?.body.messages).toEqual(messages);
  });

  it.each([
    ['openai', 'max_completion_tokens'],
    ['openai-compatible', 'max_tokens'],
  ] as const)('of provider %s has the output limit in %s', async (provider, field) => {
    await call({ provider, parameters: { maxOutputTokens: 100 } }, { parameters: { maxOutputTokens: 7 } });
    const { model, messages, ...rest } = mock.requests.at(-1)?.body ?? {};
    expect(rest).toEqual({ [field]: 7 });
  });
});

describe.each([
  ['streamed', true],
  ['whole', false],
] as const)('an answer with calls, %s', (_what, streamed) => {
  const calls = [
    { id: 'a', name: 'look', arguments: { where: 'in the garden, behind the house' } },
    { id: 'b', name: 'add', arguments: '{"n":"\ud83d' },
  ];

  it('gives text and calls, and the pieces make up the same', async () => {
    mock.next({ kind: 'tools', calls, text: 'one moment' });
    const { answer, deltas } = await collect(streamed);
    expect(answer).toEqual({
      text: 'one moment',
      toolCalls: [
        {
          id: 'a',
          type: 'function',
          function: { name: 'look', arguments: '{"where":"in the garden, behind the house"}' },
        },
        { id: 'b', type: 'function', function: { name: 'add', arguments: '{"n":"\ud83d' } },
      ],
      finishReason: 'tool_calls',
      usage: { inputTokens: 3, outputTokens: 2 },
      model: 'm',
    });
    if (streamed) expect(deltas.length).toBeGreaterThan(5);
    expect(together(deltas)).toEqual(
      streamed
        ? [
            ['text', 'one moment'],
            ['a', 'look', '{"where":"in the garden, behind the house"}'],
            ['b', 'add', '{"n":"\ud83d'],
          ]
        : [],
    );
  });

  it('is one with calls, although the server says stop', async () => {
    const message = { tool_calls: [{ index: 0, id: 'a', function: { name: 'look', arguments: '{}' } }] };
    mock.next(rawAnswer(streamed, message, 'stop'));
    expect(await collect(streamed)).toMatchObject({ answer: { finishReason: 'tool_calls', toolCalls: [{ id: 'a' }] } });
  });

  it('keeps that it was cut off', async () => {
    const message = { tool_calls: [{ index: 0, id: 'a', function: { name: 'look', arguments: '{"q"' } }] };
    mock.next(rawAnswer(streamed, message, 'length'));
    const { answer } = await collect(streamed);
    expect(answer).toMatchObject({ finishReason: 'length', toolCalls: [{ function: { arguments: '{"q"' } }] });
  });

  it('is one without calls where the server says there are some and sends none', async () => {
    mock.next(rawAnswer(streamed, { content: 'done' }, 'tool_calls'));
    expect(await collect(streamed)).toMatchObject({ answer: { finishReason: 'stop', toolCalls: [], text: 'done' } });
  });

  it('that the provider refuses has its words for a text', async () => {
    mock.next(rawAnswer(streamed, { content: null, refusal: 'I will not.' }, 'stop'));
    expect(await collect(streamed)).toMatchObject({ answer: { text: 'I will not.', finishReason: 'stop' } });
  });

  it('tells what was cached and what was thought', async () => {
    const usage = {
      prompt_tokens: 10,
      completion_tokens: 5,
      prompt_tokens_details: { cached_tokens: 4 },
      completion_tokens_details: { reasoning_tokens: 3 },
    };
    mock.next(rawAnswer(streamed, { content: 'ok' }, 'stop', usage));
    const { answer } = await collect(streamed);
    expect(answer.usage).toEqual({ inputTokens: 10, outputTokens: 5, cachedTokens: 4, reasoningTokens: 3 });
  });
});

describe('a call that is streamed', () => {
  const begun = { index: 0, id: 'a', function: { name: 'look', arguments: '{' } };
  const head = `data: ${JSON.stringify({ choices: [{ delta: { tool_calls: [begun] } }] })}\n\n`;

  it('and breaks off is never asked for again', async () => {
    const before = mock.requests.length;
    mock.next({ kind: 'raw', contentType: 'text/event-stream', pieces: [head] });
    await expect(call({ maxRetries: 3 }, { tools: [look], onDelta: () => undefined })).rejects.toThrow(/before it was/);
    expect(mock.requests.length - before).toBe(1);
  });

  it('is handed on no faster than it is taken', async () => {
    let open = 0;
    let most = 0;
    mock.next({ kind: 'tools', calls: [{ name: 'look', arguments: { text: 'x'.repeat(200) } }] });
    const onDelta = async () => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
    };
    await call({}, { onDelta });
    expect(most).toBe(1);
  });

  it('ends when the caller goes', async () => {
    const controller = new AbortController();
    mock.next({ kind: 'stall', raw: head });
    const onDelta = () => controller.abort();
    await expect(call({}, { onDelta, limit: deadline(60_000, controller.signal) })).rejects.toMatchObject({
      name: 'AbortError',
    });
    await waitFor('the server to see the request closed', () => mock.requests.at(-1)?.aborted());
  });
});

it('whole calls without ids, of one function, are one each', async () => {
  const one = (q: number) => ({ function: { name: 'look', arguments: JSON.stringify({ q }) } });
  mock.next(rawAnswer(false, { content: null, tool_calls: [one(1), one(2)] }, 'tool_calls'));
  const { answer } = await collect(false);
  expect(answer.toolCalls.map((made) => made.function.arguments)).toEqual(['{"q":1}', '{"q":2}']);
});

function rawAnswer(streamed: boolean, message: object, finishReason: string, usage?: object): ModelBehaviour {
  const said = streamed ? { delta: message } : { message };
  const body = JSON.stringify({ choices: [{ index: 0, ...said, finish_reason: finishReason }], usage });
  return streamed
    ? { kind: 'raw', contentType: 'text/event-stream', pieces: [`data: ${body}\n\ndata: [DONE]\n\n`] }
    : { kind: 'raw', contentType: 'application/json', pieces: [body] };
}

async function collect(streamed: boolean): Promise<{ answer: ModelAnswer; deltas: readonly Delta[] }> {
  const deltas: Delta[] = [];
  const onDelta = (delta: Delta) => void deltas.push(delta);
  return { answer: await call({}, { tools: [look], ...(streamed ? { onDelta } : {}) }), deltas };
}

/** The text and each call, put together from their pieces. */
function together(deltas: readonly Delta[]): string[][] {
  const whole = new Map<string, string[]>();
  for (const delta of deltas) {
    const key = delta.type === 'text' ? 'text' : String(delta.index);
    const known = whole.get(key) ?? (delta.type === 'text' ? ['text', ''] : [delta.id ?? '', delta.name ?? '', '']);
    known.push(`${known.pop() ?? ''}${delta.type === 'text' ? delta.text : delta.arguments}`);
    whole.set(key, known);
  }
  return [...whole.values()];
}

async function call(model: AgentFields['model'], fields: Partial<ModelCall> = {}): Promise<ModelAnswer> {
  const settings = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL, ...model } as const;
  const [agent] = configuration({ agents: [{ name: 'a', model: settings }] }).snapshot.content.agents;
  if (!agent) throw new Error('no agent');
  const ask = models.forAgent(agent, { credential: () => undefined });
  return await ask({
    messages: [{ role: 'user', content: 'what is it?' }],
    parameters: {},
    limit: deadline(60_000),
    ...fields,
  });
}

import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../../core/lib/hash.ts';
import type { ConfigurationFields } from '../../harness/entries.ts';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createState, type TestState } from '../schedule/state.ts';

let state: TestState;
let mock: MockModel;
const gateways: TestGateway[] = [];
beforeEach(async () => {
  [state, mock] = await Promise.all([createState(), startMockModel()]);
});
afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
  await mock.stop();
  await state.drop();
});

const remote = () => ({ provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL }) as const;
const start = async (fields: Partial<ConfigurationFields> = {}) => {
  const gateway = await startTestGateway({
    databaseUrl: state.url,
    serves: {
      agents: [{ name: 'main', default: true, instructions: 'Be brief.', model: remote() }],
      gatewayKeys: [{ name: 'ada', key: 'ada' }],
      ...fields,
    },
  });
  gateways.push(gateway);
  return gateway;
};
const sdkOf = (gateway: TestGateway, key = 'ada') =>
  new OpenAI({ apiKey: key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
const seen = () => mock.requests.at(-1)?.body.messages.map(({ role, content }) => `${role}: ${content}`);
const weather = {
  type: 'function',
  name: 'weather',
  description: 'The weather of a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  strict: false,
} as const;

describe('a response, to the official OpenAI SDK for JavaScript', () => {
  it('is created whole, with everything that its type promises', async () => {
    const sdk = sdkOf(await start());
    const response = await sdk.responses.create({
      model: 'talaria/main',
      input: 'one two',
      instructions: 'In French.',
      metadata: { ticket: '7' },
      temperature: 0.5,
    });
    expect(response.id).toMatch(/^resp_[0-9a-f]{32}$/);
    expect(response.output_text).toBe('one two');
    expect(response).toMatchObject({
      object: 'response',
      status: 'completed',
      model: 'talaria/main',
      error: null,
      incomplete_details: null,
      instructions: 'In French.',
      metadata: { ticket: '7' },
      previous_response_id: null,
      store: true,
      background: false,
      temperature: 0.5,
      top_p: 1,
      tool_choice: 'auto',
      tools: [],
      truncation: 'disabled',
      parallel_tool_calls: true,
      text: { format: { type: 'text' } },
      conversation: { id: expect.stringMatching(/^ses_/) },
      output: [
        {
          type: 'message',
          id: expect.stringMatching(/^msg_/),
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'one two', annotations: [], logprobs: [] }],
        },
      ],
      usage: { output_tokens: 2, input_tokens_details: { cached_tokens: 0 } },
    });
    expect(Math.abs(response.created_at - Date.now() / 1_000)).toBeLessThan(60);
    expect(seen()).toEqual(['system: Be brief.\n\nIn French.', 'user: one two']);
    expect(mock.requests[0]?.body).toMatchObject({ temperature: 0.5 });
  });

  it('is retrieved as it was created, from any replica', async () => {
    const [one, two] = [sdkOf(await start()), sdkOf(await start())];
    const created = await one.responses.create({ input: 'hi', metadata: { a: 'b' }, tools: [weather] });
    const { completed_at: _then, ...kept } = await two.responses.retrieve(created.id);
    expect(created).toMatchObject(kept);
    expect(kept.output_text).toBe('hi');
  });

  it('streams, with events that its helper accumulates', async () => {
    const sdk = sdkOf(await start());
    const stream = sdk.responses.stream({ model: 'talaria/main', input: 'one two three' });
    const deltas: string[] = [];
    stream.on('response.output_text.delta', ({ delta }) => deltas.push(delta));
    const final = await stream.finalResponse();
    expect(deltas.join('')).toBe('one two three');
    expect(deltas.length).toBeGreaterThan(1);
    expect(final.output_text).toBe('one two three');
    expect(final.output).toMatchObject((await sdk.responses.retrieve(final.id)).output);
  });

  it('is deleted, and hidden from then on', async () => {
    const sdk = sdkOf(await start());
    const { id } = await sdk.responses.create({ input: 'hi' });
    await sdk.responses.delete(id);
    await expect(sdk.responses.retrieve(id)).rejects.toMatchObject({ status: 404, code: 'response_not_found' });
    await expect(sdk.responses.inputItems.list(id)).rejects.toMatchObject({ status: 404 });
    await expect(sdk.responses.delete(id)).rejects.toMatchObject({ status: 404 });
    await expect(sdk.responses.create({ input: 'x', previous_response_id: id })).rejects.toMatchObject({
      status: 404,
      code: 'response_not_found',
    });
  });

  it('lists its input items, newest first, a page at a time', async () => {
    const sdk = sdkOf(await start());
    const said = ['a', 'b', 'c'].map((content) => ({ role: 'user' as const, content }));
    const { id } = await sdk.responses.create({ input: said });
    const texts: unknown[] = [];
    for await (const item of sdk.responses.inputItems.list(id, { limit: 2 })) {
      expect(item).toMatchObject({ type: 'message', id: expect.stringMatching(/^msg_/), role: 'user' });
      texts.push('content' in item ? item.content?.[0] : undefined);
    }
    expect(texts).toMatchObject([{ text: 'c' }, { text: 'b' }, { text: 'a' }]);
    const first = await sdk.responses.inputItems.list(id, { limit: 2, order: 'asc' });
    expect(first.has_more).toBe(true);
    expect(first.data).toHaveLength(2);
    await expect(sdk.responses.inputItems.list(id, { after: 'msg_none' })).rejects.toMatchObject({ param: 'after' });
  });

  it('passes the format of its text on', async () => {
    const sdk = sdkOf(await start());
    mock.next({ kind: 'answer', text: '{"n":7}' });
    const response = await sdk.responses.parse({
      input: 'a number',
      text: {
        format: {
          type: 'json_schema',
          name: 'number',
          strict: true,
          schema: { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] },
        },
      },
    });
    expect(response.output_text).toBe('{"n":7}');
    expect(mock.requests[0]?.body.response_format).toMatchObject({
      type: 'json_schema',
      json_schema: { name: 'number', strict: true, schema: { type: 'object' } },
    });
  });

  it('calls a function, whose result comes back by previous_response_id', async () => {
    const sdk = sdkOf(await start());
    mock.next({
      kind: 'tools',
      text: 'Let me see.',
      calls: [{ id: 'c1', name: 'weather', arguments: { city: 'Rome' } }],
    });
    const first = await sdk.responses.create({ input: 'Rome?', tools: [weather] });
    expect(first.output.map(({ type }) => type)).toEqual(['message', 'function_call']);
    const call = first.output.find((item) => item.type === 'function_call');
    expect(call).toMatchObject({ call_id: 'c1', name: 'weather', arguments: '{"city":"Rome"}', status: 'completed' });
    mock.next({ kind: 'answer', text: 'Sunny.' });
    const second = await sdk.responses.create({
      previous_response_id: first.id,
      input: [{ type: 'function_call_output', call_id: 'c1', output: 'sun' }],
      tools: [weather],
    });
    expect(second.output_text).toBe('Sunny.');
    expect(second.previous_response_id).toBe(first.id);
    expect(mock.requests[1]?.body.messages.slice(1)).toMatchObject([
      { role: 'user', content: 'Rome?' },
      { role: 'assistant', content: 'Let me see.', tool_calls: [{ id: 'c1', function: { name: 'weather' } }] },
      { role: 'tool', tool_call_id: 'c1', content: 'sun' },
    ]);
    expect(mock.requests[0]?.body.tools).toMatchObject([{ type: 'function', function: { name: 'weather' } }]);
  });

  it('streams the call of a function, whose result comes back by conversation', async () => {
    const sdk = sdkOf(await start());
    mock.next({ kind: 'tools', calls: [{ id: 'c1', name: 'weather', arguments: { city: 'Rome' } }] });
    const stream = sdk.responses.stream({ input: 'Rome?', tools: [weather] });
    let written = '';
    stream.on('response.function_call_arguments.delta', ({ delta }) => {
      written += delta;
    });
    const first = await stream.finalResponse();
    expect(written).toBe('{"city":"Rome"}');
    expect(first.output).toMatchObject([{ type: 'function_call', call_id: 'c1', arguments: '{"city":"Rome"}' }]);
    const conversation = first.conversation?.id ?? '';
    mock.next({ kind: 'answer', text: 'Sunny.' });
    const second = await sdk.responses.create({
      conversation,
      input: [{ type: 'function_call_output', call_id: 'c1', output: [{ type: 'input_text', text: 'sun' }] }],
    });
    expect(second.output_text).toBe('Sunny.');
    expect(second.conversation).toEqual({ id: conversation });
    const third = await sdk.responses.create({ conversation: { id: conversation }, input: 'Thanks.' });
    expect(third.output_text).toBe('Thanks.');
    expect(mock.requests.at(-1)?.body.messages.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'tool',
      'assistant',
      'user',
    ]);
  });

  it('shows the calls and results of the skills of its agent, in order, streamed or not', async () => {
    const text = '# Tides\nHigh at noon.';
    const gateway = await start();
    await gateway.serve({
      agents: [
        {
          name: 'main',
          default: true,
          instructions: text,
          skills: [{ name: 'tides', text: sha256(text) }],
          model: remote(),
        },
      ],
      gatewayKeys: [{ name: 'ada', key: 'ada' }],
    });
    const sdk = sdkOf(gateway);
    const reading = { kind: 'tools', calls: [{ name: 'read_skill', arguments: { name: 'tides' } }] } as const;
    mock.next(reading, { kind: 'answer', text: 'At noon.' });
    const whole = await sdk.responses.create({ input: 'when?' });
    expect(whole.output).toMatchObject([
      { type: 'function_call', name: 'read_skill' },
      { type: 'function_call_output', output: text },
      { type: 'message' },
    ]);
    mock.next(reading, { kind: 'answer', text: 'At noon.' });
    const streamed = await sdk.responses.stream({ input: 'when?' }).finalResponse();
    expect(streamed.output.map(({ type }) => type)).toEqual(['function_call', 'function_call_output', 'message']);
    expect(streamed.output_text).toBe('At noon.');
  });
});

describe('a chain of responses', () => {
  it('sees what was said before, and the instructions of each response are its own', async () => {
    const sdk = sdkOf(await start());
    const first = await sdk.responses.create({ input: 'one', instructions: 'First.' });
    const second = await sdk.responses.create({ input: 'two', previous_response_id: first.id });
    expect(seen()).toEqual(['system: Be brief.', 'user: one', 'assistant: one', 'user: two']);
    expect(second.instructions).toBeNull();
    expect(second.conversation).toEqual(first.conversation);
  });

  it('forks when it goes on from an older response, and neither branch sees the other', async () => {
    const sdk = sdkOf(await start());
    const root = await sdk.responses.create({ input: 'root' });
    const left = await sdk.responses.create({ input: 'left', previous_response_id: root.id });
    const right = await sdk.responses.create({ input: 'right', previous_response_id: root.id });
    expect(seen()).toEqual(['system: Be brief.', 'user: root', 'assistant: root', 'user: right']);
    expect(right.conversation?.id).not.toBe(left.conversation?.id);
    await sdk.responses.create({ input: 'more', previous_response_id: right.id });
    expect(seen()?.slice(3)).toEqual(['user: right', 'assistant: right', 'user: more']);
    await sdk.responses.create({ input: 'more', previous_response_id: left.id });
    expect(seen()?.slice(3)).toEqual(['user: left', 'assistant: left', 'user: more']);
  });

  it('answers two that go on from one response at once, each in a branch of its own', async () => {
    const [one, two] = [sdkOf(await start()), sdkOf(await start())];
    const root = await one.responses.create({ input: 'root' });
    const gate = Promise.withResolvers<void>();
    mock.always({ kind: 'answer', after: gate.promise });
    const both = [one, two].map((sdk, at) => sdk.responses.create({ input: `b${at}`, previous_response_id: root.id }));
    await waitFor('both to be asked', () => mock.requests.length === 3);
    gate.resolve();
    const [left, right] = await Promise.all(both);
    expect([left?.output_text, right?.output_text]).toEqual(['b0', 'b1']);
    expect(left?.conversation?.id).not.toBe(right?.conversation?.id);
    for (const request of mock.requests.slice(1)) expect(request.body.messages).toHaveLength(4);
  });

  it('goes on after one in its middle was deleted', async () => {
    const sdk = sdkOf(await start());
    const first = await sdk.responses.create({ input: 'one' });
    const second = await sdk.responses.create({ input: 'two', previous_response_id: first.id });
    const third = await sdk.responses.create({ input: 'three', previous_response_id: second.id });
    await sdk.responses.delete(second.id);
    await sdk.responses.create({ input: 'four', previous_response_id: third.id });
    expect(seen()?.filter((line) => line.startsWith('user'))).toEqual([
      'user: one',
      'user: two',
      'user: three',
      'user: four',
    ]);
    expect((await sdk.responses.retrieve(third.id)).previous_response_id).toBe(second.id);
  });

  it('ends with its session', async () => {
    const sdk = sdkOf(await start());
    const first = await sdk.responses.create({ input: 'one' });
    await state.rows('delete from sessions');
    await expect(sdk.responses.retrieve(first.id)).rejects.toMatchObject({ code: 'response_not_found' });
    await expect(sdk.responses.create({ input: 'two', previous_response_id: first.id })).rejects.toMatchObject({
      code: 'response_not_found',
    });
  });

  it('does not go on from a response that is still at work, or that failed', async () => {
    const gateway = await start();
    const sdk = sdkOf(gateway);
    const gate = Promise.withResolvers<void>();
    mock.next({ kind: 'answer', after: gate.promise });
    const working = sdk.responses.create({ input: 'one' });
    await waitFor('the model to be asked', () => mock.requests.length === 1);
    const idOf = async () => {
      const [row] = await state.rows<{ id: string }>('select id from responses order by created_at desc limit 1');
      return `resp_${row?.id.replaceAll('-', '')}`;
    };
    const id = await idOf();
    expect(await sdk.responses.retrieve(id)).toMatchObject({ status: 'in_progress', output: [], usage: null });
    await expect(sdk.responses.create({ input: 'two', previous_response_id: id })).rejects.toMatchObject({
      status: 409,
      code: 'session_busy',
      param: 'previous_response_id',
    });
    gate.resolve();
    await working;
    mock.next({ kind: 'fail', status: 400, message: 'no such model' });
    await expect(sdk.responses.create({ input: 'lost' })).rejects.toMatchObject({ status: 502, code: 'model_failed' });
    const failed = await sdk.responses.retrieve(await idOf());
    expect(failed).toMatchObject({ status: 'failed', output: [] });
    expect(failed.error).toMatchObject({ code: 'model_failed', message: expect.stringContaining('no such model') });
    await expect(sdk.responses.create({ input: 'two', previous_response_id: failed.id })).rejects.toMatchObject({
      status: 400,
      param: 'previous_response_id',
    });
  });

  it('takes previous_response_id or conversation or the header, and not two of them', async () => {
    const sdk = sdkOf(await start());
    const first = await sdk.responses.create({ input: 'one' });
    const conversation = first.conversation?.id ?? '';
    const both = { input: 'x', previous_response_id: first.id, conversation };
    await expect(sdk.responses.create(both)).rejects.toMatchObject({ status: 400, param: 'conversation' });
    const headers = { 'x-talaria-session-id': 'mine' };
    await expect(
      sdk.responses.create({ input: 'x', previous_response_id: first.id }, { headers }),
    ).rejects.toMatchObject({ status: 400, param: 'previous_response_id' });
    await expect(sdk.responses.create({ input: 'x', conversation }, { headers })).rejects.toMatchObject({
      status: 400,
    });
    for (const unknown of ['conv_1', `ses_${'0'.repeat(32)}`]) {
      await expect(sdk.responses.create({ input: 'x', conversation: unknown })).rejects.toMatchObject({
        status: 404,
        code: 'session_not_found',
      });
    }
    await sdk.responses.create({ input: 'two' }, { headers });
    await sdk.responses.create({ input: 'three' }, { headers });
    expect(seen()).toEqual(['system: Be brief.', 'user: two', 'assistant: two', 'user: three']);
  });
});

describe('a response that is not stored', () => {
  it('leaves nothing behind, and sees what it goes on from', async () => {
    const sdk = sdkOf(await start());
    const first = await sdk.responses.create({ input: 'one' });
    await sdk.responses.create({ input: 'two', previous_response_id: first.id });
    const loose = await sdk.responses.create({
      input: 'aside',
      instructions: 'In French.',
      previous_response_id: first.id,
      store: false,
    });
    expect(seen()).toEqual(['system: Be brief.\n\nIn French.', 'user: one', 'assistant: one', 'user: aside']);
    expect(loose).toMatchObject({ store: false, conversation: null, previous_response_id: first.id });
    await expect(sdk.responses.retrieve(loose.id)).rejects.toMatchObject({ status: 404 });
    expect(await state.rows('select count(*)::int as runs from runs')).toEqual([{ runs: 2 }]);
  });

  it('is refused in a session, which would keep it', async () => {
    const sdk = sdkOf(await start());
    const { conversation } = await sdk.responses.create({ input: 'one' });
    const asked = { input: 'x', conversation: conversation?.id ?? '', store: false };
    await expect(sdk.responses.create(asked)).rejects.toMatchObject({ status: 400, param: 'store' });
  });
});

describe('a response with an Idempotency-Key', () => {
  it.each([true, false])('is given again with the same ids, text and usage (store: %s)', async (store) => {
    const [one, two] = [sdkOf(await start()), sdkOf(await start())];
    const body = { input: 'pay once', store };
    const options = { headers: { 'idempotency-key': 'k' } };
    const { completed_at: _first, ...first } = await one.responses.create(body, options);
    const { completed_at: _second, ...second } = await two.responses.create(body, options);
    expect(second).toEqual(first);
    expect(mock.requests).toHaveLength(1);
  });

  it('is streamed again with the same ids, text and usage', async () => {
    const sdk = sdkOf(await start());
    const options = { headers: { 'idempotency-key': 'k' } };
    mock.next({ kind: 'tools', text: 'Let me see.', calls: [{ id: 'c1', name: 'weather', arguments: {} }] });
    const stream = () => sdk.responses.stream({ input: 'Rome?', tools: [weather] }, options).finalResponse();
    const [first, second] = [await stream(), await stream()];
    expect(second.id).toBe(first.id);
    expect(second.output).toEqual(first.output);
    expect(second.usage).toEqual(first.usage);
    expect(mock.requests).toHaveLength(1);
  });
});

describe('a streamed response', () => {
  it('that fails before its first event is an HTTP error', async () => {
    const sdk = sdkOf(await start());
    mock.next({ kind: 'fail', status: 400, message: 'no such model' });
    await expect(sdk.responses.create({ input: 'x', stream: true })).rejects.toMatchObject({ status: 502 });
  });

  it('that fails later ends in an error that the SDK throws, and is failed from then on', async () => {
    const sdk = sdkOf(await start());
    mock.next({ kind: 'reset', text: 'half of ' });
    const stream = await sdk.responses.create({ input: 'x', stream: true });
    let id = '';
    const read = async () => {
      for await (const event of stream) if (event.type === 'response.created') id = event.response.id;
    };
    await expect(read()).rejects.toMatchObject({ code: 'model_failed' });
    expect(await sdk.responses.retrieve(id)).toMatchObject({ status: 'failed', error: { code: 'model_failed' } });
  });

  it('is incomplete when the model may say no more', async () => {
    const sdk = sdkOf(await start());
    mock.next({
      kind: 'raw',
      contentType: 'application/json',
      pieces: [
        '{"choices":[{"message":{"content":"cut"},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}',
      ],
    });
    const response = await sdk.responses.create({ input: 'x', max_output_tokens: 16 });
    expect(response).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    expect(await sdk.responses.retrieve(response.id)).toMatchObject({
      status: 'incomplete',
      output: [{ status: 'incomplete', content: [{ text: 'cut' }] }],
    });
    const second = await sdk.responses.create({ input: 'go on', previous_response_id: response.id });
    expect(second.status).toBe('completed');
  });
});

describe('a response that a newer turn of its session interrupts', () => {
  it('tells its stream, is cancelled with what it had said, and can be gone on from', async () => {
    const agent = { name: 'main', default: true, model: remote(), sessions: { concurrency: 'Interrupt' } } as const;
    const sdk = sdkOf(await start({ agents: [agent] }));
    const { conversation } = await sdk.responses.create({ input: 'one' });
    const asked = { conversation: conversation?.id ?? '', input: 'two' };
    mock.next({ kind: 'stall', text: 'half' });
    const stream = await sdk.responses.create({ ...asked, stream: true });
    let id = '';
    let said = '';
    const read = async () => {
      for await (const event of stream) {
        if (event.type === 'response.created') id = event.response.id;
        if (event.type === 'response.output_text.delta') said += event.delta;
      }
    };
    const reading = expect(read()).rejects.toMatchObject({ code: 'run_interrupted' });
    await waitFor('the first half', () => said === 'half');
    expect((await sdk.responses.create({ ...asked, input: 'three' })).output_text).toBe('three');
    await reading;
    const cancelled = await sdk.responses.retrieve(id);
    expect(cancelled).toMatchObject({
      status: 'cancelled',
      output: [{ type: 'message', status: 'incomplete', content: [{ text: 'half' }] }],
    });
    await sdk.responses.create({ input: 'four', previous_response_id: id });
    expect(seen()).toEqual(['user: one', 'assistant: one', 'user: two', 'assistant: half', 'user: four']);
  });
});

describe('a response with text that PostgreSQL would refuse', () => {
  it('is stored all the same, in every field that is kept', async () => {
    const sdk = sdkOf(await start());
    const bad = 'a\0b\ud800';
    const response = await sdk.responses.create({
      input: [
        { role: 'user', content: bad },
        { type: 'function_call', call_id: bad, name: bad, arguments: bad },
        { type: 'function_call_output', call_id: bad, output: [{ type: 'input_text', text: bad }] },
      ],
      instructions: bad,
      metadata: { [bad]: bad, ['__proto__']: 'x' },
      safety_identifier: bad,
      tools: [{ ...weather, description: bad, parameters: { [bad]: { default: bad } } }],
    });
    const good = 'a\ufffdb\ufffd';
    const stored = await sdk.responses.retrieve(response.id);
    expect(stored).toMatchObject({ instructions: good, safety_identifier: good, output_text: good });
    expect(stored.metadata).toEqual(response.metadata);
    expect(stored.metadata?.[good]).toBe(good);
    expect(stored.tools).toMatchObject([{ parameters: { [good]: { default: good } } }]);
    expect((await sdk.responses.inputItems.list(response.id)).data).toHaveLength(3);
  });
});

describe('a response in the background', () => {
  it('completes while nobody waits, and the chain goes on from it', async () => {
    const [a, b] = [await start(), await start()];
    const queued = await sdkOf(a).responses.create({ input: 'later', background: true });
    const done = await waitFor('the response', async () => {
      const response = await sdkOf(b).responses.retrieve(queued.id);
      return response.status === 'completed' && response;
    });
    expect(done).toMatchObject({ id: queued.id, background: true, output_text: 'later' });
    const next = await sdkOf(b).responses.create({ input: 'and now?', previous_response_id: queued.id });
    expect(next.output_text).toBe('and now?');
    expect(mock.requests.at(-1)?.body.messages.map(({ content }) => content)).toEqual(
      expect.arrayContaining(['later', 'and now?']),
    );
  });

  it('is queued, readable, and given again for its Idempotency-Key', async () => {
    const sdk = sdkOf(await start());
    const options = { headers: { 'idempotency-key': 'k' } };
    const body = { input: 'later\0', background: true, tools: [weather] };
    const queued = await sdk.responses.create(body, options);
    expect(queued).toMatchObject({
      status: 'queued',
      background: true,
      output: [],
      conversation: { id: expect.any(String) },
    });
    expect((await sdk.responses.create(body, options)).id).toBe(queued.id);
    expect((await sdk.responses.retrieve(queued.id)).id).toBe(queued.id);
    await expect(sdk.responses.create({ ...body, store: false })).rejects.toMatchObject({ param: 'store' });
    await expect(sdk.responses.create({ ...body, stream: true })).rejects.toMatchObject({ code: 'unsupported_field' });
  });
});

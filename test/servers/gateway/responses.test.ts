import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../core/lib/hash.ts';
import { sdkOf, start, weather } from './response-stage.ts';
import { mock, remote, seen, setUpStage } from './stage.ts';

setUpStage();

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

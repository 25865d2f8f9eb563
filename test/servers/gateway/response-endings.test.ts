import { describe, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { sdkOf, start, weather } from './response-stage.ts';
import { mock, remote, seen, setUpStage } from './stage.ts';

setUpStage();

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

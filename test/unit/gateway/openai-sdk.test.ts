import OpenAI, { APIConnectionError, APIError, APIUserAbortError, AuthenticationError, NotFoundError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { waitFor } from '../../harness/wait-for.ts';

let gateway: TestGateway;
let mock: MockModel;
beforeAll(async () => {
  mock = await startMockModel();
  const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const;
  gateway = await startTestGateway({
    serves: {
      agents: [
        { name: 'coder', displayName: 'Coder', model, apiKeys: ['key-of-coder'] },
        { name: 'writer', description: 'Writes.' },
      ],
      gatewayKeys: [{ name: 'all', key: 'key-of-all' }],
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  await mock.stop();
});

const sdk = (apiKey = 'key-of-all') => new OpenAI({ apiKey, baseURL: `${gateway.url}/v1` });
const question = { model: 'talaria/coder', messages: [{ role: 'user' as const, content: 'one two three' }] };

describe('the official OpenAI SDK for JavaScript, unchanged', () => {
  it('gets a chat completion', async () => {
    const completion = await sdk().chat.completions.create(question);
    expect(completion).toMatchObject({
      object: 'chat.completion',
      model: 'talaria/coder',
      choices: [{ message: { role: 'assistant', content: 'one two three' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 },
    });
    expect(completion._request_id).toMatch(/^req_[0-9a-f]{32}$/);
  });

  it('gets a stream, with the usage at its end', async () => {
    mock.next({ kind: 'answer', pauseMs: 20 });
    const stream = await sdk().chat.completions.create({
      ...question,
      stream: true,
      stream_options: { include_usage: true },
    });
    const texts: string[] = [];
    let usage: unknown;
    for await (const chunk of stream) {
      texts.push(chunk.choices[0]?.delta.content ?? '');
      usage = chunk.usage ?? usage;
    }
    expect(texts.join('')).toBe('one two three');
    expect(texts.length).toBeGreaterThan(3);
    expect(usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 3 });
  });

  it('accumulates a stream with its own helper', async () => {
    const stream = sdk().chat.completions.stream(question);
    expect(await stream.finalContent()).toBe('one two three');
  });

  it('runs the functions that the model calls, until it answers', async () => {
    const before = mock.requests.length;
    mock.next(
      {
        kind: 'tools',
        calls: [
          { id: 'a', name: 'add', arguments: { x: 1, y: 2 } },
          { id: 'b', name: 'add', arguments: { x: 3, y: 4 } },
        ],
      },
      { kind: 'answer', text: 'three and seven' },
    );
    const parameters = { type: 'object', properties: { x: { type: 'number' }, y: { type: 'number' } } };
    const add = ({ x, y }: { x: number; y: number }) => String(x + y);
    const parse = (text: string) => JSON.parse(text) as { x: number; y: number };
    const runner = sdk().chat.completions.runTools({
      ...question,
      tools: [{ type: 'function', function: { name: 'add', description: 'x + y', parameters, parse, function: add } }],
    });
    expect(await runner.finalContent()).toBe('three and seven');
    expect(mock.requests.length - before).toBe(2);
    expect(mock.requests.at(-1)?.body.messages.slice(1)).toMatchObject([
      { role: 'assistant', tool_calls: [{ id: 'a' }, { id: 'b' }] },
      { role: 'tool', tool_call_id: 'a', content: '3' },
      { role: 'tool', tool_call_id: 'b', content: '7' },
    ]);
  });

  it('accumulates the calls of a stream with its own helper', async () => {
    mock.next({ kind: 'tools', text: 'let me see', calls: [{ id: 'a', name: 'add', arguments: { x: 1, y: 2 } }] });
    const tools = [{ type: 'function' as const, function: { name: 'add', parameters: { type: 'object' } } }];
    const stream = sdk().chat.completions.stream({ ...question, tools, stream_options: { include_usage: true } });
    const { choices, usage } = await stream.finalChatCompletion();
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: 'let me see',
        tool_calls: [{ id: 'a', function: { name: 'add', arguments: '{"x":1,"y":2}' } }],
      },
    });
    expect(usage).toMatchObject({ completion_tokens: 3 });
  });

  it('gets an answer of a schema, parsed', async () => {
    mock.next({ kind: 'answer', text: '{"city":"Rome"}' });
    const schema = {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false,
    };
    const format = { type: 'json_schema' as const, json_schema: { name: 'place', strict: true, schema } };
    const completion = await sdk().chat.completions.parse({ ...question, response_format: format });
    expect(completion.choices[0]?.message.content).toBe('{"city":"Rome"}');
    expect(mock.requests.at(-1)?.body.response_format).toEqual(format);
  });

  it('sends images as parts of a message', async () => {
    const content = [
      { type: 'text' as const, text: 'what is it?' },
      { type: 'image_url' as const, image_url: { url: 'https://example.com/a.png', detail: 'low' as const } },
    ];
    await sdk().chat.completions.create({ ...question, messages: [{ role: 'user', content }] });
    expect(mock.requests.at(-1)?.body.messages[0]?.content).toEqual(content);
  });

  it('goes on a conversation with the message it got', async () => {
    const first = await sdk().chat.completions.create(question);
    const answer = first.choices[0]?.message;
    if (!answer) throw new Error('no message');
    const messages = [...question.messages, answer, { role: 'user' as const, content: 'and now?' }];
    const second = await sdk().chat.completions.create({ ...question, messages });
    expect(second.choices[0]?.message.content).toBe('and now?');
    expect(mock.requests.at(-1)?.body.messages).toEqual([
      { role: 'user', content: 'one two three' },
      { role: 'assistant', content: 'one two three' },
      { role: 'user', content: 'and now?' },
    ]);
  });

  it('lists the agents that its key may call', async () => {
    const ids = async (key: string) => (await sdk(key).models.list()).data.map(({ id }) => id);
    expect(await ids('key-of-all')).toEqual(['talaria/coder', 'talaria/writer']);
    expect(await ids('key-of-coder')).toEqual(['talaria/coder']);
  });

  it('retrieves one of them', async () => {
    expect(await sdk().models.retrieve('talaria/writer')).toMatchObject({ id: 'talaria/writer', object: 'model' });
    await expect(sdk('key-of-coder').models.retrieve('talaria/writer')).rejects.toBeInstanceOf(NotFoundError);
  });

  it('leaves a stream, and the model’s request ends with it', async () => {
    mock.next({ kind: 'answer', text: 'a b c d e f g h', pauseMs: 100 });
    const stream = await sdk().chat.completions.create({ ...question, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    await waitFor('the request to the model to be closed', () => mock.requests.at(-1)?.aborted());
  });

  it('leaves a call, and the model’s request ends with it', async () => {
    const controller = new AbortController();
    mock.next({ kind: 'hang' });
    const before = mock.requests.length;
    const call = sdk().chat.completions.create(question, { signal: controller.signal });
    await waitFor('the request to reach the model', () => mock.requests.length > before);
    controller.abort();
    await expect(call).rejects.toBeInstanceOf(APIUserAbortError);
    await waitFor('the request to the model to be closed', () => mock.requests.at(-1)?.aborted());
  });

  it('is refused with a wrong key', async () => {
    const failure = await failureOf(sdk('wrong').chat.completions.create(question));
    expect(failure).toBeInstanceOf(AuthenticationError);
    expect(failure).toMatchObject({ status: 401, code: 'invalid_key', type: 'authentication_error' });
  });

  it('is refused with a model that is another key’s agent, as if there were none', async () => {
    const failure = await failureOf(
      sdk('key-of-coder').chat.completions.create({ ...question, model: 'talaria/writer' }),
    );
    expect(failure).toBeInstanceOf(NotFoundError);
    expect(failure).toMatchObject({ status: 404, code: 'model_not_found' });
    expect(failure.message).not.toContain('Writes');
  });
});

describe('what had begun is not repeated by the SDK', () => {
  it.each([
    ['a model that fails', { kind: 'fail', status: 500 }, 502],
    ['a model that is overloaded', { kind: 'fail', status: 429 }, 502],
    ['a model that breaks the connection', { kind: 'reset' }, 502],
    ['a model that answers garbage', { kind: 'raw', contentType: 'text/html', pieces: ['<html>'] }, 502],
  ] as const)('%s is asked once', async (_what, behaviour, status) => {
    const before = mock.requests.length;
    mock.next(behaviour);
    expect(await failureOf(sdk().chat.completions.create(question))).toMatchObject({ status, code: 'model_failed' });
    expect(mock.requests.length - before).toBe(1);
  });

  it('a stream that breaks is an error of the stream, and the model was asked once', async () => {
    const before = mock.requests.length;
    mock.next({ kind: 'reset', text: 'half' });
    const stream = await sdk().chat.completions.create({ ...question, stream: true });
    const texts: string[] = [];
    const read = async () => {
      for await (const chunk of stream) texts.push(chunk.choices[0]?.delta.content ?? '');
    };
    expect(await failureOf(read())).toMatchObject({ code: 'model_failed' });
    expect(texts.join('')).toBe('half');
    expect(mock.requests.length - before).toBe(1);
  });
});

async function failureOf(call: Promise<unknown>): Promise<APIError> {
  const failure = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(failure instanceof APIError) || failure instanceof APIConnectionError)
    throw new Error('no API error', { cause: failure });
  return failure;
}

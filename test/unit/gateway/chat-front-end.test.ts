import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { waitFor } from '../../harness/wait-for.ts';

/**
 * Requests as two chat front ends send them to a server of the OpenAI API. Open WebUI: its documentation of connections and
 * its router for them (it takes `metadata` and its own ids out of the body, asks for the usage of every stream, and names
 * chat and user in headers, whose names a connection may choose). LibreChat: "Default Parameters" of its documentation.
 */
let gateway: TestGateway;
let mock: MockModel;
beforeAll(async () => {
  mock = await startMockModel();
  const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const;
  gateway = await startTestGateway({
    serves: {
      agents: [
        { name: 'assistant', displayName: 'Assistant', default: true, model },
        { name: 'support', model },
      ],
      routes: { chats: [{ match: { model: 'house', chatId: 'chat-of-support' }, to: 'support' }] },
      gatewayKeys: [{ name: 'webui', key: 'k' }],
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  await mock.stop();
});

const authorization = 'Bearer k';
const chatId = '3f0c7a52-5f7e-4d43-9a53-6a1f0f3f2b11';
const openWebUIHeaders = {
  authorization,
  'content-type': 'application/json',
  'x-openwebui-user-name': 'Ada%20Lovelace',
  'x-openwebui-user-id': '9f1c6a7e-0b7e-4a5c-8f6d-2f3b1f0a9c11',
  'x-openwebui-user-email': 'ada@example.com',
  'x-openwebui-user-role': 'user',
  'x-openwebui-chat-id': chatId,
};
const talk = [
  { role: 'system', content: 'User Context:\n\nBe kind.' },
  { role: 'user', content: 'one two' },
  { role: 'assistant', content: 'one two' },
  { role: 'user', content: 'three four' },
];

function send(body: object, headers: Readonly<Record<string, string>> = {}, signal?: AbortSignal): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...openWebUIHeaders, ...headers },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
}

/** The chunks of a stream, read as the front ends do: line by line, until `[DONE]`. */
async function chunksOf(response: Response) {
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith('data: '));
  expect(lines.at(-1)).toBe('data: [DONE]');
  return lines.slice(0, -1).map((line) => JSON.parse(line.slice(6)));
}

describe('Open WebUI', () => {
  it('checks the connection and lists the models', async () => {
    const response = await fetch(`${gateway.url}/v1/models`, { headers: openWebUIHeaders });
    expect(response.status).toBe(200);
    const { data } = (await response.json()) as { data: { id: string; object: string; name?: string }[] };
    expect(data.map(({ id }) => id)).toEqual(['talaria/assistant', 'talaria/support']);
    expect(data[0]).toMatchObject({ object: 'model', name: 'Assistant' });
  });

  it('streams a chat with its usage and the parameters of its settings', async () => {
    const body = { stream: true, model: 'talaria/assistant', messages: talk, stream_options: { include_usage: true } };
    const settings = { temperature: 0.8, top_p: 0.9, max_tokens: 512, frequency_penalty: 0.5, seed: 42, stop: ['END'] };
    const chunks = await chunksOf(await send({ ...body, ...settings, reasoning_effort: 'medium' }));
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('three four');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 2 } });
    const asked = mock.requests.at(-1)?.body;
    expect(asked).toMatchObject({ messages: talk, temperature: 0.8, top_p: 0.9, seed: 42, stop: ['END'] });
  });

  it('asks for a title, for tags and for what may follow, as whole answers', async () => {
    mock.next({ kind: 'answer', text: '{ "title": "Counting" }' });
    const content =
      '### Task:\nGenerate a concise, 3-5 word title with an emoji.\n\n### Output:\nJSON format: { "title": "" }';
    const response = await send({
      model: 'talaria/assistant',
      messages: [{ role: 'user', content }],
      stream: false,
      max_completion_tokens: 1_000,
    });
    const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
    expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual({ title: 'Counting' });
  });

  it('sends an image as a part of a message, and an empty answer before it', async () => {
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
    const content = [{ type: 'text', text: 'what is it?' }, image];
    const messages = [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: '' },
      { role: 'user', content },
    ];
    expect((await send({ stream: false, model: 'talaria/assistant', messages })).status).toBe(200);
    expect(mock.requests.at(-1)?.body.messages.at(-1)?.content).toEqual(content);
  });

  it('offers its tools, runs the one that is called and sends what it gave', async () => {
    const parameters = {
      type: 'object',
      properties: { city: { type: 'string', description: '' } },
      required: ['city'],
    };
    const tools = [{ type: 'function', function: { name: 'get_weather', description: 'Weather.', parameters } }];
    const base = { stream: true, model: 'talaria/assistant', stream_options: { include_usage: true }, tools };
    mock.next({ kind: 'tools', calls: [{ id: 'call_1', name: 'get_weather', arguments: { city: 'Rome' } }] });
    const chunks = await chunksOf(await send({ ...base, messages: talk }));
    const pieces = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []);
    expect(pieces[0]).toMatchObject({ index: 0, id: 'call_1', type: 'function', function: { name: 'get_weather' } });
    expect(pieces.map((piece) => piece.function.arguments).join('')).toBe('{"city":"Rome"}');
    const call = {
      index: 0,
      id: 'call_1',
      type: 'function',
      function: { name: 'get_weather', arguments: '{"city":"Rome"}' },
    };
    const messages = [
      ...talk,
      { role: 'assistant', content: '', tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
    ];
    expect((await chunksOf(await send({ ...base, messages }))).length).toBeGreaterThan(1);
    expect(mock.requests.at(-1)?.body.messages.at(-1)).toMatchObject({ role: 'tool', content: 'sunny' });
  });

  it('stops an answer, and the model is left', async () => {
    mock.next({ kind: 'hang' });
    const controller = new AbortController();
    const before = mock.requests.length;
    const sent = send({ stream: true, model: 'talaria/assistant', messages: talk }, {}, controller.signal);
    await waitFor('the model to be asked', () => mock.requests.length > before);
    controller.abort();
    await expect(sent).rejects.toThrow(/abort/i);
    await waitFor('the model to be left', () => mock.requests.at(-1)?.aborted());
  });

  it('names chat and user in headers of the connection’s choice, and a model that is added by hand: a Route chooses the agent', async () => {
    const headers = { 'x-talaria-chat-id': 'chat-of-support', 'x-talaria-user-id': 'ada' };
    const response = await send({ stream: false, model: 'house', messages: talk }, headers);
    expect(response.headers.get('x-talaria-agent')).toBe('support');
  });

  it('gets an error whose message it shows', async () => {
    const response = await send({ stream: true, model: 'talaria/nobody', messages: talk });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: 'model_not_found', message: expect.any(String) } });
  });

  it.each([
    ['a setting that only Ollama has', { top_k: 40 }],
    ['the user as an object, for its own pipelines', { user: { name: 'Ada', id: '1', email: 'a@b', role: 'user' } }],
    ['its own ids, which it keeps to itself', { chat_id: chatId, session_id: 'x' }],
    ['tools of its server, which it runs itself', { tool_servers: [{ url: 'http://tools' }] }],
  ])('is refused by name with %s', async (_what, extra) => {
    const response = await send({ stream: false, model: 'talaria/assistant', messages: talk, ...extra });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: Object.keys(extra)[0] } });
  });
});

describe('LibreChat', () => {
  it('streams a chat with its default parameters and the id of its user', async () => {
    const body = {
      model: 'talaria/assistant',
      temperature: 1,
      top_p: 1,
      presence_penalty: 0,
      frequency_penalty: 0,
      user: '66a1f2b3c4d5e6f708192a3b',
      stream: true,
      messages: [
        { role: 'system', name: 'Helper', content: 'You help.' },
        { role: 'user', content: 'hi how are you' },
      ],
    };
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization,
        'content-type': 'application/json',
        'x-stainless-lang': 'js',
        'user-agent': 'OpenAI/JS',
      },
      body: JSON.stringify(body),
    });
    const chunks = await chunksOf(response);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('hi how are you');
  });
});

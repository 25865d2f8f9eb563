import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { deadline } from '../../../../../core/lib/deadline.ts';
import type { AgentEntry } from '../../../../../core/snapshot/schema.ts';
import { createModels, type Models } from '../../../../../gateway/agent/models/models.ts';
import type { ModelAnswer, ModelCall } from '../../../../../gateway/agent/models/port.ts';
import { createEgressPolicy } from '../../../../../gateway/egress.ts';
import { type AgentFields, configuration } from '../../../../harness/entries.ts';
import { type MockModel, startMockModel } from '../../../../harness/mock-model.ts';
import { waitFor } from '../../../../harness/wait-for.ts';

let mock: MockModel;
let other: MockModel;
let models: Models;
beforeAll(async () => {
  [mock, other] = await Promise.all([startMockModel(), startMockModel()]);
});
afterAll(() => Promise.all([mock.stop(), other.stop()]));
beforeEach(() => {
  models = createModels({
    egress: createEgressPolicy({ kind: 'models', allow: ['127.0.0.1'], privateNetworks: true }),
  });
});
afterEach(() => models.stop());

const secrets = new Map([
  ['own.model.v1', 'sk-own-secret'],
  ['fallback.model.v1', 'sk-fallback-secret'],
]);

describe('a call', () => {
  it('sends messages, model and the Agent’s parameters, and its key to its own server', async () => {
    const result = await call({
      apiKey: 'own.model.v1',
      parameters: { temperature: 0.5, maxOutputTokens: 100, extra: '{"top_k":3}' },
    });
    expect(result).toEqual({
      text: 'what is it?',
      toolCalls: [],
      finishReason: 'stop',
      usage: { inputTokens: 3, outputTokens: 3 },
      model: 'm',
    });
    const request = mock.requests.at(-1);
    expect(request).toMatchObject({ path: '/v1/chat/completions', key: 'sk-own-secret' });
    expect(request?.body).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'what is it?' }],
      temperature: 0.5,
      max_tokens: 100,
      top_k: 3,
    });
  });

  it('takes the request’s parameters before the Agent’s, and the lower output limit', async () => {
    const parameters = { temperature: 0.1, maxOutputTokens: 500, stop: ['END'] };
    await call({ parameters: { temperature: 0.5, maxOutputTokens: 100 } }, { parameters });
    expect(mock.requests.at(-1)?.body).toMatchObject({ temperature: 0.1, max_tokens: 100, stop: ['END'] });
  });

  it('streams when the text is wanted as it comes, and asks for the usage', async () => {
    const deltas: string[] = [];
    mock.next({ kind: 'answer', text: 'one two three', pauseMs: 20 });
    const result = await call({}, { onDelta: (delta) => void deltas.push(delta.type === 'text' ? delta.text : '') });
    expect(deltas.join('')).toBe('one two three');
    expect(deltas.length).toBeGreaterThan(1);
    expect(result).toMatchObject({ text: 'one two three', usage: { inputTokens: 3, outputTokens: 3 } });
    expect(mock.requests.at(-1)?.body).toMatchObject({ stream: true, stream_options: { include_usage: true } });
  });

  it('hands text on no faster than it is taken', async () => {
    let open = 0;
    let most = 0;
    mock.next({ kind: 'answer', text: 'a b c d e', pauseMs: 5 });
    await call(
      {},
      {
        onDelta: async () => {
          open += 1;
          most = Math.max(most, open);
          await new Promise((resolve) => setImmediate(resolve));
          open -= 1;
        },
      },
    );
    expect(most).toBe(1);
  });

  it('reads a stream that leaves [DONE] out, has CRLF, comments, and UTF-8 that is split', async () => {
    const bytes = Buffer.from(
      `data: {"choices":[{"delta":{"content":"gr\u00fc\u00df"},"finish_reason":"stop"}]}\r\n\r\n`,
    );
    const cut = bytes.indexOf(0xc3) + 1;
    mock.next({
      kind: 'raw',
      contentType: 'text/event-stream; charset=utf-8',
      pieces: [': hello\r\n\r\n', bytes.subarray(0, cut), bytes.subarray(cut)],
    });
    expect(await call({}, { onDelta: () => undefined })).toMatchObject({ text: 'grüß', finishReason: 'stop' });
  });

  it('takes [DONE] for the end, although the server keeps the stream open', async () => {
    const text = 'data: {"choices":[{"delta":{"content":"done"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
    mock.next({ kind: 'stall', raw: text });
    expect(await call({}, { onDelta: () => undefined })).toMatchObject({ text: 'done' });
  });

  it('takes a whole answer from a server that does not stream', async () => {
    const deltas: string[] = [];
    const body = '{"choices":[{"message":{"content":"whole"},"finish_reason":"length"}]}';
    mock.next({ kind: 'raw', contentType: 'application/json', pieces: [body] });
    const result = await call({}, { onDelta: (delta) => void deltas.push(delta.type === 'text' ? delta.text : '') });
    expect(result).toMatchObject({ text: 'whole', finishReason: 'length', usage: { inputTokens: 0 } });
    expect(deltas).toEqual(['whole']);
  });
});

describe('a model server that fails', () => {
  const streamed = { onDelta: () => undefined };

  it.each([
    [
      'answers with garbage',
      { kind: 'raw', contentType: 'application/json', pieces: ['<html>oops</html>'] },
      {},
      /cannot be read/,
    ],
    [
      'answers with JSON of another shape',
      { kind: 'raw', contentType: 'application/json', pieces: ['{"ok":true}'] },
      {},
      /cannot be read/,
    ],
    [
      'streams garbage',
      { kind: 'raw', contentType: 'text/event-stream', pieces: ['data: not json\n\n'] },
      streamed,
      /cannot be read/,
    ],
    [
      'reports a failure in its stream',
      {
        kind: 'raw',
        contentType: 'text/event-stream',
        pieces: ['data: {"error":{"message":"sk-own-secret","code":"oom"}}\n\n'],
      },
      streamed,
      /\(oom\)/,
    ],
    [
      'ends its stream early',
      { kind: 'raw', contentType: 'text/event-stream', pieces: ['data: {"choices":[{"delta":{"content":"a"}}]}\n\n'] },
      streamed,
      /before it was complete/,
    ],
    ['breaks the connection', { kind: 'reset' }, {}, /broke the connection/],
    [
      'breaks the connection in the middle of a stream',
      { kind: 'reset', text: 'half' },
      streamed,
      /broke the connection/,
    ],
    ['answers 500', { kind: 'fail', status: 500, message: 'sk-own-secret' }, {}, /status 500$/],
    [
      'answers 401 with the key in its message',
      { kind: 'fail', status: 401, message: 'bad key sk-own-secret' },
      {},
      /status 401$/,
    ],
    ['answers 302', { kind: 'fail', status: 302 }, {}, /status 302$/],
    [
      'answers 400 and says why',
      { kind: 'fail', status: 400, message: 'too long for sk-own-secret' },
      {},
      /status 400: too long for \[redacted\]$/,
    ],
  ] as const)('%s', async (_what, behaviour, options, message) => {
    mock.next(behaviour);
    const failure = await call({ apiKey: 'own.model.v1' }, options).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'ModelError', message: expect.stringMatching(message) });
    expect(String(failure)).not.toContain('sk-own-secret');
  });

  it('hangs before its answer: the call ends at its deadline', async () => {
    mock.next({ kind: 'hang' });
    await expect(call({ timeoutSeconds: 1 })).rejects.toThrow(/did not finish within 1 s/);
    await waitFor('the server to see the request closed', () => mock.requests.at(-1)?.aborted());
  });

  it('hangs in the middle of a stream: the call ends at its deadline', async () => {
    const deltas: string[] = [];
    mock.next({ kind: 'stall', text: 'half' });
    await expect(
      call({ timeoutSeconds: 1 }, { onDelta: (delta) => void deltas.push(delta.type === 'text' ? delta.text : '') }),
    ).rejects.toThrow(/1 s/);
    expect(deltas).toEqual(['half']);
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

  it('is left with the limit of its turn where that is nearer: nothing is repeated and no fallback is asked', async () => {
    const [before, beforeOther] = [mock.requests.length, other.requests.length];
    mock.next({ kind: 'hang' });
    const model = { timeoutSeconds: 5, maxRetries: 2, fallbacks: [fallback()] };
    await expect(call(model, { limit: deadline(100) })).rejects.toMatchObject({ name: 'TimeoutError' });
    await waitFor('the server to see the request closed', () => mock.requests.at(-1)?.aborted());
    expect([mock.requests.length - before, other.requests.length - beforeOther]).toEqual([1, 0]);
  });

  it('is not made once the limit of its turn is over', async () => {
    const before = mock.requests.length;
    const limit = deadline(60_000, AbortSignal.abort(new Error('gone')));
    await expect(call({ maxRetries: 2, fallbacks: [fallback()] }, { limit })).rejects.toThrow('gone');
    expect(mock.requests.length).toBe(before);
  });

  it('cannot be reached', async () => {
    await expect(call({ baseURL: 'http://127.0.0.1:1/v1' })).rejects.toThrow(/could not be reached.*ECONNREFUSED/);
  });

  it('is at an address that egress refuses: nothing is sent', async () => {
    await models.stop();
    models = createModels({ egress: createEgressPolicy({ kind: 'models', allow: [], privateNetworks: true }) });
    const before = mock.requests.length;
    await expect(call({})).rejects.toThrow(/loopback.*egress\.models\.allow/);
    await expect(call({ baseURL: mock.baseURL.replace('127.0.0.1', 'localhost') })).rejects.toThrow(/loopback/);
    expect(mock.requests.length).toBe(before);
  });
});

describe('retries and fallbacks', () => {
  it('repeats what failed before its first token, as often as the Agent says', async () => {
    const before = mock.requests.length;
    mock.next({ kind: 'fail', status: 503, retryAfter: 0 }, { kind: 'reset' }, { kind: 'answer', text: 'third' });
    expect(await call({ maxRetries: 2 })).toMatchObject({ text: 'third' });
    expect(mock.requests.length - before).toBe(3);
  });

  it('never repeats after the first token', async () => {
    const before = mock.requests.length;
    mock.next({ kind: 'reset', text: 'half' });
    await expect(call({ maxRetries: 5, fallbacks: [fallback()] }, { onDelta: () => undefined })).rejects.toThrow();
    expect(mock.requests.length - before).toBe(1);
    expect(other.requests).toEqual([]);
  });

  it.each([
    ['breaks off in the middle', { kind: 'reset', whole: '{"choices":[{"message":{"content":"ha' }],
    ['is a stream, although none was asked for, and breaks off', { kind: 'reset', text: 'half' }],
    [
      'is a stream that ends early',
      { kind: 'raw', contentType: 'text/event-stream', pieces: ['data: {"choices":[{"delta":{"content":"a"}}]}\n\n'] },
    ],
    ['breaks off before its first word', { kind: 'reset', text: '' }],
    ['cannot be read', { kind: 'raw', contentType: 'application/json', pieces: ['<html>oops</html>'] }],
  ] as const)('never asks twice for a whole answer that %s', async (_what, behaviour) => {
    const before = [mock.requests.length, other.requests.length];
    mock.next(behaviour);
    await expect(call({ maxRetries: 2, fallbacks: [fallback()] })).rejects.toThrow();
    expect([mock.requests.length, other.requests.length]).toEqual([(before[0] ?? 0) + 1, before[1]]);
  });

  it('never asks the fallback for an answer that began and did not end in time', async () => {
    const before = other.requests.length;
    mock.next({ kind: 'stall', text: 'half' });
    await expect(call({ timeoutSeconds: 1, fallbacks: [fallback()] })).rejects.toThrow(/within 1 s/);
    expect(other.requests.length).toBe(before);
  });

  it.each([400, 401, 404, 422])('does not repeat status %d', async (status) => {
    const before = mock.requests.length;
    mock.next({ kind: 'fail', status });
    await expect(call({ maxRetries: 3 })).rejects.toThrow();
    expect(mock.requests.length - before).toBe(1);
  });

  it('asks the fallback with its own key and says which model answered', async () => {
    mock.next({ kind: 'fail', status: 500 });
    const result = await call({ apiKey: 'own.model.v1', fallbacks: [fallback()] });
    expect(result).toMatchObject({ model: 'spare', text: 'what is it?' });
    expect(other.requests.map(({ key }) => key)).toEqual(['sk-fallback-secret']);
    expect(mock.requests.map(({ key }) => key)).not.toContain('sk-fallback-secret');
  });

  it('reports the first failure when the fallbacks fail too', async () => {
    mock.next({ kind: 'fail', status: 500 });
    other.next({ kind: 'fail', status: 418 });
    await expect(call({ fallbacks: [fallback()] })).rejects.toThrow(/status 500/);
  });
});

describe('a model that cannot be asked', () => {
  it.each([
    [
      'whose key is missing',
      { apiKey: 'gone.model.v1' },
      /API key is missing\. Make the Secret and key that model\.apiKeySecretRef names/,
    ],
  ] as const)('%s is agent_not_ready', (_what, fields, message) => {
    expect(() => models.forAgent(agentOf(fields), { credential: (name) => secrets.get(name) })).toThrowError(
      expect.objectContaining({ code: 'agent_not_ready', message: expect.stringMatching(message) }),
    );
  });
});

function agentOf(model: AgentFields['model']): AgentEntry {
  const settings = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL, ...model } as const;
  const [agent] = configuration({ agents: [{ name: 'a', model: settings }] }).snapshot.content.agents;
  if (!agent) throw new Error('no agent');
  return agent;
}

function fallback(): AgentEntry['model']['fallbacks'][number] {
  return {
    provider: 'openai-compatible',
    name: 'spare',
    baseURL: other.baseURL,
    apiKey: 'fallback.model.v1',
    parameters: {},
    timeoutSeconds: 5,
    maxRetries: 0,
  };
}

async function call(model: AgentFields['model'], fields: Partial<ModelCall> = {}): Promise<ModelAnswer> {
  const ask = models.forAgent(agentOf(model), { credential: (name) => secrets.get(name) });
  return await ask({
    messages: [{ role: 'user', content: 'what is it?' }],
    parameters: {},
    limit: deadline(60_000),
    ...fields,
  });
}

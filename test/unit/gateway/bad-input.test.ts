import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answered, ask, startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';

let gateway: TestGateway;
let mock: MockModel;
beforeAll(async () => {
  mock = await startMockModel();
  const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL, timeoutSeconds: 1 } as const;
  gateway = await startTestGateway({
    serves: {
      agents: [
        { name: 'echo', default: true },
        { name: 'remote', model },
      ],
      gatewayKeys: [{ name: 'all', key: 'k' }],
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  await mock.stop();
});

/** Everything else must go on as if nothing had happened. */
const stillServes = async () => {
  expect(await ask(gateway.url, { key: 'k', content: 'still there?' })).toMatchObject({
    status: 200,
    text: 'still there?',
  });
};

describe('a body', () => {
  const elevenMegabytes = JSON.stringify({ model: 'x', messages: [{ role: 'user', content: 'x'.repeat(11_000_000) }] });

  it('of 11 MB with its length is refused with body_too_large', async () => {
    expect(await post(elevenMegabytes)).toMatchObject({ status: 413, code: 'body_too_large' });
    await stillServes();
  });

  it('of 11 MB in chunks, without a length, is refused with body_too_large', async () => {
    expect(await post(inChunks(elevenMegabytes))).toMatchObject({ status: 413, code: 'body_too_large' });
    await stillServes();
  });

  it('of 9 MB is taken, in chunks too', async () => {
    const text = 'y'.repeat(9_000_000);
    const body = JSON.stringify({ model: 'talaria/echo', messages: [{ role: 'user', content: text }] });
    expect((await post(inChunks(body))).text).toBe(text);
  });

  it('of a megabyte of blanks is answered at once', async () => {
    const text = ' \n'.repeat(500_000);
    const body = JSON.stringify({ model: 'talaria/echo', messages: [{ role: 'user', content: text }] });
    expect((await post(body)).text).toBe(text);
  });

  it('with a field whose name has no end is refused at once', async () => {
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'x' }], ['m'.repeat(5_000_000)]: 1 });
    expect(await post(body)).toMatchObject({ status: 400, code: 'unsupported_field' });
  });

  it.each([
    ['that is not JSON', '{"model": ', 'invalid_request'],
    ['that is empty', '', 'invalid_request'],
    ['that is a list', '[]', 'invalid_request'],
    ['that is null', 'null', 'invalid_request'],
    ['without messages', '{"model":"x"}', 'invalid_request'],
    ['with no message in it', '{"messages":[]}', 'invalid_request'],
    ['with a role that does not exist', '{"messages":[{"role":"king","content":"x"}]}', 'invalid_request'],
    ['with a number for content', '{"messages":[{"role":"user","content":5}]}', 'invalid_request'],
    [
      'with a field that nobody knows',
      '{"messages":[{"role":"user","content":"x"}],"tempreature":1}',
      'unsupported_field',
    ],
    [
      'with a tool of the provider',
      '{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"web_search"}]}',
      'unsupported_field',
    ],
    [
      'with a tool without a name',
      '{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{}}]}',
      'invalid_request',
    ],
    ['with a result of no call', '{"messages":[{"role":"tool","content":"x"}]}', 'invalid_request'],
    [
      'with functions of old',
      '{"messages":[{"role":"user","content":"x"}],"functions":[{"name":"f"}]}',
      'unsupported_field',
    ],
    [
      'with a choice of a tool that is not there',
      '{"messages":[{"role":"user","content":"x"}],"tool_choice":"required"}',
      'invalid_request',
    ],
    ['with a file', '{"messages":[{"role":"user","content":[{"type":"file","file":{}}]}]}', 'unsupported_field'],
    [
      'with a doubled member',
      '{"messages":[{"role":"user","content":"x"}],"model":"a","model":"b"}',
      'invalid_request',
    ],
    [
      'with a member doubled by an escape',
      '{"messages":[{"role":"user","content":"x","\\u0072ole":"user"}]}',
      'invalid_request',
    ],
    ['with a huge number', '{"messages":[{"role":"user","content":"x"}],"seed":1e400}', 'invalid_request'],
    [
      'with deliver to a webhook',
      '{"messages":[{"role":"user","content":"x"}],"deliver":[{"webhook":{"url":"http://x"}}]}',
      'unsupported_field',
    ],
    ['that wants two answers', '{"messages":[{"role":"user","content":"x"}],"n":2}', 'unsupported_field'],
  ])('%s is refused', async (_what, body, code) => {
    const answer = await post(body);
    expect(answer).toMatchObject({ status: 400, code });
    expect(answer.body.error).toMatchObject({ type: 'invalid_request_error', message: expect.stringMatching(/\S/) });
    await stillServes();
  });

  it('with an answer format nested without end is refused', async () => {
    const nested = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    const body = `{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","a":${nested}}}`;
    expect(await post(body)).toMatchObject({ status: 400, code: 'invalid_request' });
    await stillServes();
  });

  it('names the field at fault', async () => {
    const answer = await post('{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"custom"}]}');
    expect(answer.body.error).toMatchObject({ param: 'tools[0].type' });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded'])('of type %s is refused', async (type) => {
    expect(await post('{"messages":[]}', { 'content-type': type })).toMatchObject({
      status: 400,
      code: 'invalid_request',
    });
  });

  it('with lone surrogates and NUL is answered', async () => {
    const answer = await post('{"model":"talaria/echo","messages":[{"role":"user","content":"a\\ud800b\\u0000c"}]}');
    expect(answer).toMatchObject({ status: 200, text: 'a\ufffdb\ufffdc' });
  });

  it('that is absent although its type is named, as some clients do, is none', async () => {
    const answer = await fetch(`${gateway.url}/v1/sessions/none`, {
      method: 'DELETE',
      headers: { authorization: 'Bearer k', 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(404);
  });

  it('of bytes that are no UTF-8 is refused', async () => {
    const bytes = Buffer.from('{"model":"talaria/echo","messages":[{"role":"user","content":"caf\xe9"}]}', 'latin1');
    const answer = await post(new Blob([bytes]).stream());
    expect(answer).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  it.each(['x-talaria-session-key', 'x-hermes-session-key'])(
    'with %s is refused rather than answered without the memory it asks for',
    async (param) => {
      const answer = await ask(gateway.url, { key: 'k', headers: { [param]: 'x' } });
      expect(answer).toMatchObject({ status: 400, code: 'unsupported_field', body: { error: { param } } });
      expect(answer.body.error?.message).toContain(param);
      expect(await ask(gateway.url, { key: 'k', headers: { [param]: ' ' } })).toMatchObject({ status: 200 });
    },
  );

  it('with Idempotency-Key is refused rather than run without its promise while the database is away', async () => {
    const answer = await ask(gateway.url, { key: 'k', headers: { 'idempotency-key': 'x' } });
    expect(answer).toMatchObject({ status: 503, code: 'state_unavailable' });
  });
});

describe('a header', () => {
  it.each([
    ['of 257 characters', [`X-Talaria-Chat-Id: ${'x'.repeat(257)}`]],
    ['with a blank inside', ['X-Talaria-Chat-Id: a b']],
    ['with Latin-1', ['X-Talaria-Chat-Id: caf\xe9']],
    ['with a broken escape', ['X-Talaria-Chat-Id: %zz']],
    ['with an encoded NUL', ['X-Talaria-Chat-Id: a%00']],
    ['that is doubled', ['X-Talaria-Chat-Id: a', 'X-Talaria-Chat-Id: a']],
    ['that disagrees with its alias', ['X-Talaria-Chat-Id: a', 'X-Hermes-Chat-Id: b']],
    ['with a NUL', ['X-Talaria-Chat-Id: a\0b']],
    ['with a control character', ['X-Talaria-Chat-Id: a\x01b']],
    ['with a bare carriage return', ['X-Talaria-Chat-Id: a\rb']],
    ['larger than all headers may be', [`X-Talaria-Chat-Id: ${'x'.repeat(20_000)}`]],
  ])('%s is refused with invalid_header, and no agent is reached', async (_what, lines) => {
    const answer = await raw(lines);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"code":"invalid_header"');
    expect(answer.toLowerCase()).not.toContain('x-talaria-agent');
    await stillServes();
  });

  it('that is blank is absent', async () => {
    expect(await raw(['X-Talaria-Chat-Id:  '])).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('what is not there', () => {
  it.each([
    ['GET', '/v1/nothing', 404, 'not_found'],
    ['GET', '/', 404, 'not_found'],
    ['GET', '/v1/models/talaria/nobody', 404, 'model_not_found'],
    ['GET', '/v1/models/gpt-4o', 404, 'model_not_found'],
    ['GET', '/v1/chat/completions', 405, 'method_not_allowed'],
    ['DELETE', '/v1/models', 405, 'method_not_allowed'],
    ['POST', '/healthz', 405, 'method_not_allowed'],
    ['QUERY', '/v1/models', 405, 'method_not_allowed'],
    ['GET', '/v1/%zz', 400, 'invalid_request'],
  ])('%s %s is %d %s', async (method, path, status, code) => {
    const response = await fetch(`${gateway.url}${path}`, { method, headers: { authorization: 'Bearer k' } });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({
      error: { code, message: expect.any(String), type: expect.any(String) },
    });
    expect(response.headers.get('allow') !== null).toBe(status === 405);
  });

  it('what is no HTTP at all gets an error of the same shape', async () => {
    expect(await exchange('nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"invalid_request"/);
    await stillServes();
  });
});

describe('a model server', () => {
  const askRemote = () => ask(gateway.url, { key: 'k', model: 'talaria/remote' });

  it.each([
    ['that hangs', { kind: 'hang' }],
    ['that breaks the connection', { kind: 'reset' }],
    ['that sends garbage', { kind: 'raw', contentType: 'application/json', pieces: ['<html>'] }],
    ['that fails', { kind: 'fail', status: 500 }],
  ] as const)('%s is model_failed, not to be repeated', async (_what, behaviour) => {
    mock.next(behaviour);
    const answer = await askRemote();
    expect(answer).toMatchObject({ status: 502, code: 'model_failed', agent: 'remote' });
    expect(answer.headers.get('x-should-retry')).toBe('false');
    await stillServes();
  });

  it.each([
    ['resets', { kind: 'reset', text: 'half' }],
    ['stalls', { kind: 'stall', text: 'half' }],
  ] as const)('that %s in mid-stream ends the stream with an error event', async (_what, behaviour) => {
    mock.next(behaviour);
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer k', 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'talaria/remote', stream: true, messages: [{ role: 'user', content: 'x' }] }),
    });
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(text).toContain('"content":"half"');
    expect(text).toMatch(/data: \{"error":\{[^\n]*"code":"model_failed"/);
    expect(text).not.toContain('[DONE]');
    await stillServes();
  });

  it('that fails before the first token of a stream is an HTTP error', async () => {
    mock.next({ kind: 'reset' });
    const answer = await ask(gateway.url, { key: 'k', model: 'talaria/remote', body: { stream: true } });
    expect(answer).toMatchObject({ status: 502, code: 'model_failed' });
  });
});

async function post(body: string | ReadableStream, headers: Readonly<Record<string, string>> = {}): Promise<Answered> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer k', 'content-type': 'application/json', ...headers },
    body,
    ...(typeof body === 'string' ? {} : { duplex: 'half' as const }),
  });
  const answer = (await response.json()) as Answered['body'];
  return {
    status: response.status,
    headers: response.headers,
    agent: response.headers.get('x-talaria-agent'),
    text: answer.choices?.[0]?.message.content,
    code: answer.error?.code,
    body: answer,
  };
}

function inChunks(text: string): ReadableStream {
  const pieces = text.match(/[\s\S]{1,65536}/g) ?? [];
  return Readable.toWeb(Readable.from(pieces.map((piece) => Buffer.from(piece)))) as ReadableStream;
}

/** One chat completion with these header lines, byte by byte as they are written here. */
function raw(lines: readonly string[]): Promise<string> {
  const body = '{"messages":[{"role":"user","content":"x"}]}';
  const head = [
    'POST /v1/chat/completions HTTP/1.1',
    'Host: gateway',
    'Authorization: Bearer k',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Connection: close',
    ...lines,
  ];
  return exchange(`${head.join('\r\n')}\r\n\r\n${body}`);
}

async function exchange(bytes: string): Promise<string> {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  socket.write(Buffer.from(bytes, 'latin1'));
  let answer = '';
  for await (const piece of socket) answer += String(piece);
  return answer;
}

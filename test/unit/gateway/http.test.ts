import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../../core/lib/hash.ts';
import { ask, startTestGateway, type TestGateway, type TestGatewayOptions } from '../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { waitFor } from '../../harness/wait-for.ts';

let gateway: TestGateway;
let mock: MockModel | undefined;
afterEach(async () => {
  await gateway.stop();
  await mock?.stop();
  mock = undefined;
});

const start = async (options: TestGatewayOptions) => {
  gateway = await startTestGateway(options);
};
const get = (path: string, headers: Record<string, string> = {}) => fetch(`${gateway.url}${path}`, { headers });

const served = {
  agents: [{ name: 'main', default: true }, { name: 'coder' }],
  routes: { engineering: [{ name: 'channel', match: { chatId: 'eng' }, to: 'coder' }] },
  gatewayKeys: [
    { name: 'all', key: 'k' },
    { name: 'root', key: 'root', role: 'admin' as const },
  ],
};

describe('an answer', () => {
  it('says which agent answered, by which rule, under which revision, and echoes aliases', async () => {
    await start({ serves: served });
    const { headers } = await ask(gateway.url, {
      key: 'k',
      headers: { 'X-Hermes-Chat-Id': 'eng', 'X-Hermes-User-Id': 'caf%C3%A9' },
    });
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-talaria-agent': 'coder',
      'x-talaria-route': 'engineering/channel',
      'x-talaria-revision': sha256(JSON.stringify((await snapshot()).content)),
      'x-hermes-chat-id': 'eng',
      'x-hermes-user-id': 'caf%C3%A9',
      'x-request-id': expect.stringMatching(/^req_/),
    });
    expect(headers.has('x-talaria-session-id')).toBe(false);
    expect(headers.has('x-talaria-run-id')).toBe(false);
  });

  it('of the default agent names no route', async () => {
    await start({ serves: served });
    const { headers } = await ask(gateway.url, { key: 'k' });
    expect(headers.get('x-talaria-agent')).toBe('main');
    expect(headers.has('x-talaria-route')).toBe(false);
  });

  it('comes from the agent’s own instructions and messages, whatever the client’s system message', async () => {
    mock = await startMockModel();
    const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const;
    await start({ serves: { ...served, agents: [{ name: 'main', default: true, instructions: 'Be brief.', model }] } });
    const messages = [
      { role: 'system', content: 'Be long.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'hi' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
        ],
      },
    ];
    await ask(gateway.url, { key: 'k', body: { messages } });
    expect(mock.requests[0]?.body.messages).toEqual([{ role: 'system', content: 'Be brief.' }, ...messages]);
  });

  it('that takes longer than the agent allows is model_failed', async () => {
    mock = await startMockModel();
    mock.always({ kind: 'hang' });
    const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const;
    const agent = { name: 'main', default: true, model, limits: { turnTimeoutSeconds: 1 } };
    await start({ serves: { ...served, agents: [agent] } });
    const answer = await ask(gateway.url, { key: 'k' });
    expect(answer).toMatchObject({ status: 502, code: 'model_failed' });
    expect(answer.body.error?.message).toContain('1 s');
  });

  it('is under the table that the request found, whatever is swapped in meanwhile', async () => {
    mock = await startMockModel();
    mock.always({ kind: 'answer', delayMs: 200 });
    const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const;
    await start({ serves: { ...served, agents: [{ name: 'main', default: true, model }] } });
    const running = ask(gateway.url, { key: 'k' });
    await waitFor('the model to be asked', () => mock?.requests.length === 1);
    await gateway.serve({ ...served, agents: [] });
    expect(await running).toMatchObject({ status: 200, agent: 'main' });
    expect(await ask(gateway.url, { key: 'k' })).toMatchObject({ code: 'no_route' });
  });

  it('is never the default’s when the model names an Agent that was gone as the request began', async () => {
    await start({ serves: served });
    await gateway.serve({ ...served, agents: [{ name: 'main', default: true }], routes: {} });
    const answer = await askInHalves({ model: 'coder', messages: [{ role: 'user', content: 'hi' }] }, () =>
      gateway.serve(served),
    );
    expect(answer.statusCode).toBe(404);
    expect(answer.headers['x-talaria-agent']).toBeUndefined();
  });
});

/** Sends one half of a request, waits until the gateway has begun it, does something, and sends the other half. */
async function askInHalves(body: object, between: () => Promise<unknown>): Promise<IncomingMessage> {
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': text.length, authorization: 'Bearer k' };
  const request = httpRequest(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers });
  const answered = new Promise<IncomingMessage>((resolve, reject) =>
    request.on('response', resolve).on('error', reject),
  );
  request.write(text.slice(0, 20));
  await waitFor('the request to begin', async () => (await metric('talaria_http_open_requests')) === 2);
  await between();
  request.end(text.slice(20));
  const answer = await answered;
  answer.resume();
  return answer;
}

/** A gauge; its own request counts among the open ones. */
async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

describe('keys', () => {
  it('none configured: ready, and 401 no_keys_configured on every call', async () => {
    await start({ serves: { agents: [{ name: 'main', default: true }] } });
    expect((await get('/readyz')).status).toBe(200);
    expect(await ask(gateway.url, { key: 'any' })).toMatchObject({ status: 401, code: 'no_keys_configured' });
    expect((await get('/v1/models')).status).toBe(401);
  });

  it('a key that is removed is refused with the next snapshot', async () => {
    await start({ serves: served });
    expect(await ask(gateway.url, { key: 'k' })).toMatchObject({ status: 200 });
    await gateway.serve({ ...served, gatewayKeys: served.gatewayKeys.slice(1) });
    expect(await ask(gateway.url, { key: 'k' })).toMatchObject({ status: 401, code: 'invalid_key' });
  });

  it('a wrong key is refused before the body is read', async () => {
    await start({ serves: served });
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer wrong' },
      body: 'not json',
    });
    expect(response.status).toBe(401);
  });
});

describe('the admin API', () => {
  const explain = (body: unknown, key = 'root') =>
    fetch(`${gateway.url}/admin/v1/explain`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify(body),
    });

  it('takes admin keys only', async () => {
    await start({ serves: served });
    expect(await (await explain({}, 'k')).json()).toMatchObject({ error: { code: 'admin_required' } });
    expect((await get('/admin/v1/snapshot', { authorization: 'Bearer k' })).status).toBe(403);
    expect((await get('/admin/v1/snapshot')).status).toBe(401);
  });

  it('explains who would answer', async () => {
    await start({ serves: served });
    expect(await (await explain({ chatId: 'eng' })).json()).toMatchObject({
      outcome: 'resolved',
      agent: 'coder',
      route: 'engineering',
      rule: 'channel',
      via: 'rule',
    });
  });

  it('explains a refusal', async () => {
    await start({ serves: { ...served, agents: [{ name: 'main', default: true }] } });
    expect(await (await explain({ chatId: 'eng' })).json()).toMatchObject({
      outcome: 'refused',
      code: 'agent_not_found',
    });
  });

  it('explains under the agents of the key that the message names', async () => {
    const narrow = { name: 'narrow', key: 'n', agents: ['main'] };
    await start({ serves: { ...served, gatewayKeys: [...served.gatewayKeys, narrow] } });
    expect(await (await explain({ chatId: 'eng', apiKey: 'narrow' })).json()).toMatchObject({
      code: 'agent_forbidden',
    });
    expect(await (await explain({ apiKey: 'nobody' })).json()).toMatchObject({ error: { param: 'apiKey' } });
  });

  it('explains to an admin key of some Agents only what goes to these', async () => {
    const part = { name: 'part', key: 'p', role: 'admin', agents: ['main'] } as const;
    await start({ serves: { ...served, gatewayKeys: [...served.gatewayKeys, part] } });
    const answer = await (await explain({ chatId: 'eng' }, 'p')).text();
    expect(JSON.parse(answer)).toMatchObject({ error: { code: 'agent_forbidden' } });
    expect(answer).not.toMatch(/coder|engineering/);
    expect(await (await explain({}, 'p')).json()).toMatchObject({ agent: 'main', candidates: [] });
  });

  it('knows the field that was meant', async () => {
    await start({ serves: served });
    const answer = await (await explain({ chatID: 'eng' })).json();
    expect(answer).toMatchObject({
      error: { code: 'unsupported_field', message: expect.stringContaining('`chatId`') },
    });
  });

  it('shows the snapshot without any credential’s value', async () => {
    await start({ serves: { ...served, credentials: { 'main.model.v1': 'sk-secret' } } });
    const text = await (await get('/admin/v1/snapshot', { authorization: 'Bearer root' })).text();
    expect(JSON.parse(text)).toMatchObject({ agents: [{ name: 'main' }, { name: 'coder' }] });
    expect(text).not.toContain('sk-secret');
    expect(text).not.toContain(sha256('root'));
  });

  it('shows an admin key of some Agents no rule, and no Agent of another key, that is not theirs', async () => {
    const rule = (name: string, to: string) => ({ name, match: { chatId: `chat-of-${to}` }, to });
    const keys = [
      { name: 'half', key: 'half', role: 'admin' as const, agents: ['coder'] },
      { name: 'team', key: 'team', agents: ['coder', 'main'] },
    ];
    await start({
      serves: { ...served, gatewayKeys: keys, routes: { both: [rule('one', 'main'), rule('two', 'coder')] } },
    });
    const text = await (await get('/admin/v1/snapshot', { authorization: 'Bearer half' })).text();
    expect(JSON.parse(text)).toMatchObject({ routes: [{ name: 'both', rules: [{ name: 'two' }] }] });
    expect(JSON.parse(text).gatewayKeys).toMatchObject([{ agents: ['coder'] }, { agents: ['coder'] }]);
    expect(text).not.toContain('main');
  });
});

describe('standalone mode', () => {
  it('needs no key and refuses foreign pages on every path', async () => {
    await start({ standalone: true, serves: { agents: [{ name: 'main', default: true }] } });
    expect(await ask(gateway.url)).toMatchObject({ status: 200, agent: 'main' });
    expect(await ask(gateway.url, { key: 'sk-unused' })).toMatchObject({ status: 200 });
    for (const path of ['/v1/models', '/admin/v1/snapshot', '/metrics', '/nothing']) {
      const response = await get(path, { origin: 'https://example.com' });
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ error: { code: 'origin_refused' } });
    }
    expect((await get('/admin/v1/snapshot')).status).toBe(200);
  });
});

describe('CORS', () => {
  const config = { cors: { origins: ['https://chat.example.com'] } };
  const preflight = (origin: string, requested = 'x-talaria-chat-id') =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': requested,
      },
    });

  it('answers the preflight of a configured origin, and exposes the headers that tell who answered', async () => {
    await start({ serves: served, config });
    const response = await preflight('https://chat.example.com');
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe('https://chat.example.com');
    expect(response.headers.get('access-control-allow-headers')).toContain('x-talaria-chat-id');
    const { headers } = await ask(gateway.url, { key: 'k', headers: { origin: 'https://chat.example.com' } });
    expect(headers.get('access-control-expose-headers')).toContain('x-talaria-agent');
    expect(headers.has('access-control-allow-credentials')).toBe(false);
  });

  it('is there on errors too, so that a page can read them', async () => {
    await start({ serves: served, config });
    const { headers, status } = await ask(gateway.url, {
      key: 'wrong',
      headers: { origin: 'https://chat.example.com' },
    });
    expect(status).toBe(401);
    expect(headers.get('access-control-allow-origin')).toBe('https://chat.example.com');
  });

  it.each([
    'https://evil.example.com',
    'http://chat.example.com',
    'https://chat.example.com:8443',
    'https://chat.example.com.evil.example.com',
    'https://CHAT.example.com',
    'null',
  ])('gives the origin %s nothing', async (origin) => {
    await start({ serves: served, config });
    const response = await preflight(origin);
    expect(response.status).toBe(405);
    const answers = [response, await get('/v1/models', { origin }), await get('/healthz', { origin })];
    const names = answers.flatMap(({ headers }) => [...headers.keys()]);
    expect(names.filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });

  it('allows every header that a page asks for, since a Route may match any, and no nonsense', async () => {
    await start({ serves: served, config });
    const allowed = async (requested: string) => {
      const response = await preflight('https://chat.example.com', requested);
      return response.headers.get('access-control-allow-headers');
    };
    expect(await allowed('authorization,x-stainless-os, x-team')).toContain(', authorization,x-stainless-os, x-team');
    expect(await allowed('x-team; x')).toMatch(/^authorization, content-type, idempotency-key, last-event-id, x-/);
    expect(await allowed('x-team; x')).not.toContain('x-team');
  });

  it('allows the methods of all paths, and exposes every header of ours that an answer has', async () => {
    await start({ serves: served, config });
    const { endpoints } = (await (await get('/v1/capabilities', { authorization: 'Bearer k' })).json()) as {
      readonly endpoints: readonly { readonly methods: readonly string[] }[];
    };
    const origin = 'https://chat.example.com';
    const methods = (await preflight(origin)).headers.get('access-control-allow-methods')?.split(', ');
    expect(methods).toEqual(expect.arrayContaining(endpoints.flatMap((endpoint) => endpoint.methods)));
    const headers = { origin, 'x-hermes-chat-id': 'c' };
    for (const answer of [await ask(gateway.url, { key: 'k', headers }), await ask(gateway.url, { headers })]) {
      const exposed = answer.headers.get('access-control-expose-headers')?.split(', ');
      const ours = [...answer.headers.keys()].filter((name) => name.startsWith('x-'));
      expect(exposed).toEqual(expect.arrayContaining([...ours, 'x-request-id']));
      expect(exposed).toEqual(
        expect.arrayContaining(['retry-after', 'x-ratelimit-remaining-tokens', 'idempotency-replayed']),
      );
    }
  });
});

describe('health', () => {
  it('is not ready before the first snapshot, and answers 503 that may be repeated', async () => {
    await start({});
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(503);
    const answer = await ask(gateway.url, { key: 'k' });
    expect(answer).toMatchObject({ status: 503, code: 'state_unavailable' });
    expect(answer.headers.get('retry-after')).toBe('1');
    await gateway.serve(served);
    expect((await get('/readyz')).status).toBe(200);
  });

  it('is ready without a database, and says so', async () => {
    await start({ serves: served });
    const response = await get('/readyz');
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: 'ready', state: 'unavailable' });
  });

  it('counts requests, errors and tokens', async () => {
    await start({ serves: served });
    await ask(gateway.url, { key: 'k', content: 'a b c' });
    await ask(gateway.url, { key: 'wrong' });
    const text = await waitFor('both requests to be counted', async () => {
      const metrics = await (await get('/metrics')).text();
      return metrics.includes('code="invalid_key"') && metrics;
    });
    expect(text).toContain('talaria_http_requests_total{path="/v1/chat/completions",status="200",code=""} 1');
    expect(text).toContain(
      'talaria_http_requests_total{path="/v1/chat/completions",status="401",code="invalid_key"} 1',
    );
    expect(text).toContain('talaria_turns_total{agent="main",outcome="completed"} 1');
    expect(text).toContain('talaria_tokens_total{agent="main",direction="input"} 3');
    expect(text).toContain('talaria_state_available 0');
  });
});

describe('too much', () => {
  it('more open requests than allowed are refused with overloaded, and nothing else suffers', async () => {
    mock = await startMockModel();
    mock.always({ kind: 'answer', delayMs: 300 });
    const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const;
    await start({
      serves: { ...served, agents: [{ name: 'main', default: true, model }] },
      config: { limits: { openRequests: 2, openStreams: 2, drainSeconds: 5 } },
    });
    const first = [ask(gateway.url, { key: 'k' }), ask(gateway.url, { key: 'k' })];
    await waitFor('both to be running', () => mock?.requests.length === 2);
    const third = await ask(gateway.url, { key: 'k' });
    expect(third).toMatchObject({ status: 503, code: 'overloaded' });
    expect(third.headers.get('x-should-retry')).toBe('true');
    for (const answer of await Promise.all(first)) expect(answer.status).toBe(200);
    expect(await ask(gateway.url, { key: 'k' })).toMatchObject({ status: 200 });
  });

  it('sheds streams beyond its bound, and goes on with what is not streamed', async () => {
    mock = await startMockModel();
    const release = Promise.withResolvers<void>();
    mock.next({ kind: 'answer', text: 'late', after: release.promise });
    const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const;
    await start({
      serves: { ...served, agents: [{ name: 'main', default: true, model }] },
      config: { limits: { openRequests: 10, openStreams: 1, drainSeconds: 5 } },
    });
    const streamed = () =>
      fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
        body: JSON.stringify({ stream: true, messages: [{ role: 'user', content: 'hello' }] }),
      });
    const first = streamed();
    await waitFor('the stream to be open', () => mock?.requests.length === 1);
    const second = await streamed();
    expect(second.status).toBe(503);
    expect(await second.json()).toMatchObject({ error: { code: 'overloaded' } });
    expect(await ask(gateway.url, { key: 'k' })).toMatchObject({ status: 200 });
    release.resolve();
    expect(await (await first).text()).toContain('late');
    await waitFor('the stream to be counted as closed', async () =>
      (await (await fetch(`${gateway.url}/metrics`)).text()).includes('talaria_http_open_streams 0'),
    );
    expect((await streamed()).status).toBe(200);
  });
});

describe('stopping', () => {
  it('unreadies first, finishes what runs, and takes nothing new', async () => {
    mock = await startMockModel();
    mock.always({ kind: 'answer', text: 'a b c d e f', pauseMs: 60 });
    const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const;
    await start({ serves: { ...served, agents: [{ name: 'main', default: true, model }] }, unreadyMs: 150 });
    const stream = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
      body: JSON.stringify({ stream: true, messages: [{ role: 'user', content: 'x' }] }),
    });
    const stopped = gateway.stop();
    await waitFor('readiness to fall', async () => (await get('/readyz')).status === 503);
    expect(await stream.text()).toContain('[DONE]');
    await stopped;
    await expect(ask(gateway.url, { key: 'k' })).rejects.toThrow();
  });

  it('breaks what does not end within its time', async () => {
    mock = await startMockModel();
    mock.always({ kind: 'hang' });
    const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const;
    await start({
      serves: { ...served, agents: [{ name: 'main', default: true, model }] },
      config: { limits: { openRequests: 10, openStreams: 10, drainSeconds: 0 } },
    });
    const running = ask(gateway.url, { key: 'k' }).catch(() => 'broken');
    await waitFor('it to be running', () => mock?.requests.length === 1);
    await gateway.stop();
    expect(await running).toBe('broken');
  });
});

it('the OpenAPI document says which header is refused for now', async () => {
  await start({ serves: served });
  const { paths } = (await (await get('/openapi.json')).json()) as {
    paths: Record<string, { post?: { parameters?: { name: string; description?: string }[] } }>;
  };
  const told = (paths['/v1/chat/completions']?.post?.parameters ?? []).filter(({ description }) =>
    description?.includes('unsupported_field'),
  );
  expect(told.map(({ name }) => name)).toEqual(['x-talaria-session-key']);
  expect(told[0]?.description).toContain('x-hermes-session-key');
});

it('the OpenAPI document describes every path and method that is served, and every error code', async () => {
  await start({ serves: served });
  const document = (await (await get('/openapi.json')).json()) as { paths: Record<string, Record<string, unknown>> };
  const capabilities = await get('/v1/capabilities', { authorization: 'Bearer root' });
  const { endpoints } = (await capabilities.json()) as { endpoints: { path: string; methods: string[] }[] };
  const listed = endpoints.filter(({ path }) => path !== '/v1/models/{prefix}/{name}');
  const described = Object.entries(document.paths).map(([path, methods]) => ({
    path,
    methods: Object.keys(methods)
      .map((method) => method.toUpperCase())
      .sort(),
  }));
  expect(described.sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual(listed);
  expect(JSON.stringify(document)).toContain('session_busy');
  expect(JSON.stringify(document.paths['/v1/chat/completions'])).toContain('"messages"');
});

it('the OpenAPI document says for every operation how it may fail, in the shape of every error', async () => {
  await start({ serves: served });
  const document = (await (await get('/openapi.json')).json()) as {
    paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>;
  };
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const { responses } of operations) {
    const statuses = Object.keys(responses);
    expect(statuses.some((status) => status.startsWith('2'))).toBe(true);
    expect(JSON.stringify(responses[400])).toContain('#/components/schemas/Error');
  }
});

async function snapshot(): Promise<{ content: object }> {
  const response = await get('/admin/v1/snapshot', { authorization: 'Bearer root' });
  const { revision: _revision, sequence: _sequence, ...content } = (await response.json()) as Record<string, unknown>;
  return { content };
}

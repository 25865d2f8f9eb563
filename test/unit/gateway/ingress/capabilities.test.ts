import { afterEach, describe, expect, it } from 'vitest';
import { defaultGatewayConfig } from '../../../../gateway/config/config-file.ts';
import { openApiDocument } from '../../../../gateway/ingress/openapi.ts';
import packageJson from '../../../../package.json' with { type: 'json' };
import { ask, startTestGateway, type TestGateway, type TestGatewayOptions } from '../../../harness/gateway.ts';

let gateway: TestGateway;
afterEach(() => gateway.stop());

interface Capabilities {
  readonly version: string;
  readonly endpoints: readonly { readonly path: string; readonly methods: readonly string[] }[];
  readonly features: Readonly<Record<string, Readonly<Record<string, boolean>>>>;
  readonly headers: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  readonly auth: readonly string[];
}

describe('/v1/capabilities', () => {
  it('needs a key', async () => {
    await start();
    const response = await fetch(`${gateway.url}/v1/capabilities`);
    expect(response.status).toBe(401);
  });

  it('says which version this is', async () => {
    expect((await start()).version).toBe(packageJson.version);
  });

  it('lists every path with exactly the methods that the server takes', async () => {
    const { endpoints } = await start();
    const described = Object.keys((openApiDocument() as { readonly paths: object }).paths);
    expect(endpoints.map(({ path }) => path)).toEqual(expect.arrayContaining(described));
    for (const { path, methods } of endpoints) {
      const refused = await fetch(`${gateway.url}${path.replaceAll(/\{\w+\}/g, 'x')}`, { method: 'PUT' });
      const taken = refused.headers.get('allow')?.split(', ') ?? [];
      expect([path, taken.filter((method) => method !== 'HEAD')]).toEqual([path, methods]);
    }
  });

  it.each([
    ['stream', { stream: true }],
    ['stream_usage', { stream: true, stream_options: { include_usage: true } }],
    ['tools', { tools: [{ type: 'function', function: { name: 'weather' } }] }],
    ['tool_results', { messages: toolMessages() }],
    ['images', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x/i' } }] }] }],
    ['audio', { messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: {} }] }] }],
    ['response_format', { response_format: { type: 'json_object' } }],
    ['several_choices', { n: 2 }],
    ['logprobs', { logprobs: true }],
  ])('says of %s in chat completions what becomes of it', async (feature, body) => {
    const { features } = await start();
    const refused = (await post(body)).includes('"unsupported_field"');
    expect(features.chat_completions?.[feature]).toBe(!refused);
  });

  it('says which surfaces there are', async () => {
    const { features } = await start();
    for (const [surface, path] of Object.entries({
      chat_completions: '/v1/chat/completions',
      responses: '/v1/responses',
      runs: '/v1/runs',
      sessions: '/v1/sessions',
    })) {
      const { status } = await fetch(`${gateway.url}${path}`, { method: 'PUT' });
      expect([surface, features[surface]?.available]).toEqual([surface, status === 405]);
    }
  });

  it('lists the headers that a request may have, and none that is refused', async () => {
    const { headers, features } = await start();
    for (const vendor of ['talaria', 'hermes']) {
      for (const name of ['chat-id', 'user-id', 'thread-id', 'session-id', 'session-key']) {
        await checkHeader(`x-${vendor}-${name}`, headers);
      }
    }
    await checkHeader('idempotency-key', headers);
    expect(features.idempotency?.available).toBe(headers.includes('idempotency-key'));
  });

  it('has the limits at which requests are refused', async () => {
    const { limits } = await start();
    const characters = limits.header_characters ?? 0;
    const named = (count: number) =>
      ask(gateway.url, { key: 'k', headers: { 'x-talaria-chat-id': 'c'.repeat(count) } });
    expect((await named(characters)).status).toBe(200);
    expect((await named(characters + 1)).code).toBe('invalid_header');
    const sized = async (bytes: number) => {
      const empty = JSON.stringify({ messages: [{ role: 'user', content: '' }] });
      const content = 'x'.repeat(bytes - Buffer.byteLength(empty));
      return (await ask(gateway.url, { key: 'k', content })).code;
    };
    const bytes = limits.body_bytes ?? 0;
    expect(await sized(bytes)).not.toBe('body_too_large');
    expect(await sized(bytes + 1)).toBe('body_too_large');
  });

  it('says how to authenticate', async () => {
    expect((await start()).auth).toEqual(['agent_key', 'gateway_key']);
    await gateway.stop();
    const issuers = [{ issuer: 'https://a.example', audiences: ['t'], agents: [], role: 'client' as const }];
    const config = { auth: { ...defaultGatewayConfig.auth, issuers } };
    expect((await start({ config, standalone: true })).auth).toEqual(['agent_key', 'gateway_key', 'token', 'none']);
  });
});

async function checkHeader(name: string, listed: readonly string[]): Promise<void> {
  const { code } = await ask(gateway.url, { key: 'k', headers: { [name]: 'x' } });
  expect([name, code === 'unsupported_field']).toEqual([name, !listed.includes(name)]);
}

async function start(options: TestGatewayOptions = {}): Promise<Capabilities> {
  const gatewayKeys = [{ name: 'all', key: 'k' }];
  gateway = await startTestGateway({ serves: { agents: [{ name: 'main', default: true }], gatewayKeys }, ...options });
  const response = await fetch(`${gateway.url}/v1/capabilities`, { headers: { authorization: 'Bearer k' } });
  return (await response.json()) as Capabilities;
}

async function post(body: object): Promise<string> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'x' }], ...body }),
  });
  return response.text();
}

function toolMessages(): readonly object[] {
  const call = { id: 'c', type: 'function', function: { name: 'weather', arguments: '{}' } };
  return [
    { role: 'user', content: 'x' },
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'c', content: 'sunny' },
  ];
}

import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { sendWebhook, type WebhookCall } from '../../../../../gateway/delivery/targets/webhook.ts';
import { createEgressPolicy, guardedConnector } from '../../../../../gateway/egress.ts';

const servers: Server[] = [];
const agents: Agent[] = [];

afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.destroy()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function receiver(listener: RequestListener, host = '127.0.0.1'): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}/hook`;
}

function send(url: string, allow: readonly string[] = ['127.0.0.0/8'], change: Partial<WebhookCall> = {}) {
  const agent = new Agent({
    connect: guardedConnector(createEgressPolicy({ kind: 'delivery', allow, privateNetworks: false }), 1_000),
  });
  agents.push(agent);
  return sendWebhook(agent, {
    url,
    id: 'dlv_1',
    body: '{}',
    secrets: [],
    now: Date.UTC(2026, 0, 1),
    answerWithinMs: 300,
    signal: new AbortController().signal,
    ...change,
  });
}

const answering = (status: number, headers: Record<string, string> = {}) =>
  receiver((_, response) => response.writeHead(status, headers).end('x'));

describe('what a receiver answers', () => {
  it.each([200, 201, 202, 204])('%i: it has the webhook', async (status) => {
    expect(await send(await answering(status))).toEqual({ kind: 'sent' });
  });

  it.each([400, 401, 404, 410, 413, 422])('%i: it will never take it', async (status) => {
    const error = `the receiver answered ${status}`;
    expect(await send(await answering(status))).toEqual({ kind: 'not-sent', error, final: true });
  });

  it.each([408, 409, 425, 429, 503])('%i: it may take it later', async (status) => {
    expect(await send(await answering(status))).toMatchObject({ kind: 'not-sent', final: false });
  });

  it.each([500, 502, 504])('%i: it may have it', async (status) => {
    const error = `the receiver answered ${status}`;
    expect(await send(await answering(status))).toEqual({ kind: 'ambiguous', error });
  });

  it('a redirect is not followed, whatever it points at', async () => {
    let followed = false;
    const target = await receiver((_, response) => {
      followed = true;
      response.end();
    });
    expect(await send(await answering(307, { location: target }))).toMatchObject({ kind: 'not-sent', final: true });
    expect(followed).toBe(false);
  });

  it('Retry-After is taken in seconds and as a date', async () => {
    expect(await send(await answering(429, { 'retry-after': '120' }))).toMatchObject({ retryAfterMs: 120_000 });
    const date = new Date(Date.UTC(2026, 0, 1, 0, 1)).toUTCString();
    expect(await send(await answering(503, { 'retry-after': date }))).toMatchObject({ retryAfterMs: 60_000 });
    expect(await send(await answering(503, { 'retry-after': 'soon' }))).toMatchObject({ retryAfterMs: undefined });
  });
});

describe('a receiver that gives no answer', () => {
  it('after it got the request: it may have it', async () => {
    const hangs = await receiver(() => undefined);
    expect(await send(hangs)).toMatchObject({
      kind: 'ambiguous',
      error: expect.stringContaining('no answer within 300 ms'),
    });
    const resets = await receiver((request) => request.socket.destroy());
    expect(await send(resets)).toMatchObject({ kind: 'ambiguous' });
  });

  it('but whose status came: the status counts, even if the rest never comes', async () => {
    const url = await receiver((_, response) => {
      response.writeHead(200);
      response.write('x');
    });
    expect(await send(url)).toEqual({ kind: 'sent' });
  });

  it('because nobody listens: it has nothing', async () => {
    const url = await answering(200);
    servers.splice(0).forEach((server) => {
      server.close();
    });
    expect(await send(url)).toEqual({
      kind: 'not-sent',
      error: 'no connection to the receiver (ECONNREFUSED)',
      final: false,
    });
  });

  it('because its name is unknown: it has nothing', async () => {
    expect(await send('http://no-such-host.invalid/hook')).toMatchObject({ kind: 'not-sent', final: false });
  });

  it('because it speaks no TLS: it has nothing', async () => {
    const url = await answering(200);
    expect(await send(url.replace('http:', 'https:'))).toMatchObject({ kind: 'not-sent', final: false });
  });
});

describe('an address that may not be reached', () => {
  it.each([
    ['http://127.0.0.1:9/', 'loopback'],
    ['http://[::1]:9/', 'loopback'],
    ['http://[::ffff:127.0.0.1]:9/', 'loopback'],
    ['http://[::ffff:7f00:1]:9/', 'loopback'],
    ['http://2130706433:9/', 'loopback'],
    ['http://0x7f.1:9/', 'loopback'],
    ['http://localhost:9/', 'loopback'],
    ['http://169.254.169.254/latest/meta-data', 'metadata'],
    ['http://[fe80::1]:9/', 'link-local'],
    ['http://10.0.0.1:9/', 'private'],
    ['http://[::ffff:10.0.0.1]:9/', 'private'],
    ['http://[64:ff9b::a00:1]:9/', 'private'],
    ['http://192.168.1.1:9/', 'private'],
    ['http://[fd00::1]:9/', 'private'],
  ])('%s is refused for good, with the cure', async (url, what) => {
    const result = await send(url, []);
    expect(result).toMatchObject({ kind: 'not-sent', final: true });
    expect(result).toHaveProperty('error', expect.stringContaining(`a ${what} address`));
    expect(result).toHaveProperty('error', expect.stringContaining('egress.delivery.allow'));
  });

  it('is reached when the configuration allows its network or its name', async () => {
    const url = await answering(200);
    expect(await send(url, ['127.0.0.1'])).toEqual({ kind: 'sent' });
    expect(await send(url.replace('127.0.0.1', 'localhost'), ['localhost'])).toEqual({ kind: 'sent' });
    expect(await send(url, ['localhost'])).toMatchObject({ kind: 'not-sent', final: true });
  });
});

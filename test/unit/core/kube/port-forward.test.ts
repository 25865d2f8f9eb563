import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Forwarded, forwardPort } from '../../../../core/kube/port-forward.ts';

let folder: string;
let pod: Server;
let apiServer: Server;
let opened: { url: string; authorization: string | undefined }[];
let refusal: string | undefined;
let forwarded: Forwarded;

beforeEach(async () => {
  opened = [];
  refusal = undefined;
  folder = await mkdtemp(path.join(tmpdir(), 'talaria-forward-'));
  pod = await listening(createServer((request, response) => response.end(`${request.method} ${request.url}`)));
  apiServer = await listening(createServer((_, response) => response.writeHead(500).end()));
  apiServer.on('upgrade', (request: IncomingMessage, socket: Socket) => tunnel(request, socket));
  const kubeconfig = path.join(folder, 'config');
  await writeFile(kubeconfig, kubeconfigOf(portOf(apiServer)));
  forwarded = await forwardPort({ kubeconfig, context: 'test' }, { namespace: 'team', pod: 'gateway-1', port: 8080 });
});
afterEach(async () => {
  await forwarded.close();
  for (const server of [pod, apiServer]) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true });
});

describe('a forwarded port', () => {
  it('carries requests to the pod, with the credentials of the context', async () => {
    const url = `http://127.0.0.1:${forwarded.port}`;
    expect(await (await fetch(`${url}/one`)).text()).toBe('GET /one');
    expect(await (await fetch(`${url}/two`, { method: 'POST' })).text()).toBe('POST /two');
    expect(opened[0]).toEqual({
      url: '/api/v1/namespaces/team/pods/gateway-1/portforward?ports=8080',
      authorization: 'Bearer of-the-user',
    });
    expect(forwarded.failure()).toBeUndefined();
  });

  it('breaks the connection when the pod does not listen, and says why', async () => {
    refusal = 'nothing listens on 8080';
    await expect(fetch(`http://127.0.0.1:${forwarded.port}/`)).rejects.toThrow('fetch failed');
    expect(forwarded.failure()).toBe('nothing listens on 8080');
  });

  it('breaks the connection when the API server refuses, and says so', async () => {
    apiServer.removeAllListeners('upgrade');
    apiServer.on('upgrade', (_, socket: Socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
    await expect(fetch(`http://127.0.0.1:${forwarded.port}/`)).rejects.toThrow('fetch failed');
    expect(forwarded.failure()).toContain('403');
  });
});

async function listening(server: Server): Promise<Server> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** As a kubelet does: channel 0 is data, channel 1 errors, and each begins with the port in two bytes. */
function tunnel({ url = '', headers }: IncomingMessage, socket: Socket): void {
  opened.push({ url, authorization: headers.authorization });
  const accept = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  socket.write(
    [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Protocol: v4.channel.k8s.io',
      `Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`,
    ].join('\r\n'),
  );
  for (const channel of [0, 1]) socket.write(frame(channel, Buffer.from([0x90, 0x1f])));
  socket.on('error', () => undefined);
  if (refusal !== undefined) {
    socket.write(frame(1, Buffer.from(refusal)));
    return;
  }
  const behind = connect(portOf(pod), '127.0.0.1');
  behind.on('data', (data) => socket.write(frame(0, data)));
  behind.on('error', () => undefined);
  socket.on('data', (data: Buffer) => {
    for (const payload of payloadsIn(data)) behind.write(payload.subarray(1));
  });
  socket.on('close', () => behind.destroy());
}

function frame(channel: number, data: Buffer): Buffer {
  const length = data.length + 1;
  const head = length < 126 ? Buffer.from([0x82, length]) : Buffer.from([0x82, 126, length >> 8, length & 0xff]);
  return Buffer.concat([head, Buffer.from([channel]), data]);
}

/** The data frames of one read; these tests send no larger ones than fit. */
function payloadsIn(data: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  for (let at = 0; at < data.length; ) {
    const short = (data[at + 1] ?? 0) & 0x7f;
    const start = short === 126 ? at + 4 : at + 2;
    const length = short === 126 ? data.readUInt16BE(at + 2) : short;
    const mask = data.subarray(start, start + 4);
    const body = data.subarray(start + 4, start + 4 + length).map((byte, i) => byte ^ (mask[i % 4] ?? 0));
    if (((data[at] ?? 0) & 0x0f) === 2) payloads.push(Buffer.from(body));
    at = start + 4 + length;
  }
  return payloads;
}

function kubeconfigOf(port: number): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 'of-the-user' } }],
    contexts: [
      { name: 'other', context: { cluster: 'missing', user: 'u' } },
      { name: 'test', context: { cluster: 'c', user: 'u' } },
    ],
    'current-context': 'other',
  });
}

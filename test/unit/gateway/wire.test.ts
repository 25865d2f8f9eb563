import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { ask, startTestGateway, type TestGateway, type TestGatewayOptions } from '../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { waitFor } from '../../harness/wait-for.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A gateway with an agent that echoes and one with a model server, whose turns may take 2 s. */
async function start(options: TestGatewayOptions = {}): Promise<{ gateway: TestGateway; mock: MockModel }> {
  const mock = await startMockModel();
  stops.push(mock.stop);
  const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const;
  const gateway = await startTestGateway({
    serves: {
      agents: [
        { name: 'echo', default: true },
        { name: 'remote', model, limits: { turnTimeoutSeconds: 2 } },
      ],
      gatewayKeys: [{ name: 'all', key: 'k' }],
    },
    ...options,
  });
  stops.push(gateway.stop);
  return { gateway, mock };
}

const stillServes = async ({ url }: TestGateway) => {
  expect(await ask(url, { key: 'k', content: 'still there?' })).toMatchObject({ status: 200, text: 'still there?' });
};

function open({ url }: TestGateway, options: { allowHalfOpen?: boolean } = {}): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, ...options });
  socket.on('error', () => undefined);
  stops.push(() => socket.destroy());
  return socket;
}

/** Everything that the server says until it closes. */
async function answerOf(socket: Socket): Promise<string> {
  let answer = '';
  for await (const piece of socket) answer += String(piece);
  return answer;
}

function exchange(gateway: TestGateway, bytes: string | Buffer): Promise<string> {
  const socket = open(gateway);
  socket.write(bytes);
  return answerOf(socket);
}

const chat = '{"messages":[{"role":"user","content":"x"}]}';
const toRemote = '{"model":"talaria/remote","messages":[{"role":"user","content":"x"}]}';

function request(lines: readonly string[], body = chat): string {
  const head = ['POST /v1/chat/completions HTTP/1.1', 'Authorization: Bearer k', 'Content-Type: application/json'];
  return `${[...head, ...lines].join('\r\n')}\r\n\r\n${body}`;
}

const whole = (body = chat) =>
  request(['Host: g', 'Connection: close', `Content-Length: ${Buffer.byteLength(body)}`], body);

describe('a request that two readers may take for different ones is refused', () => {
  const length = `Content-Length: ${chat.length}`;
  it.each([
    ['two lengths', request(['Host: g', length, `Content-Length: ${chat.length + 1}`])],
    ['a length and chunks', request(['Host: g', length, 'Transfer-Encoding: chunked'])],
    ['a negative length', request(['Host: g', 'Content-Length: -5'])],
    ['a chunk whose size is no number', request(['Host: g', 'Transfer-Encoding: chunked'], 'zz\r\nnope')],
    [
      'a chunk of more bytes than there are',
      request(['Host: g', 'Transfer-Encoding: chunked'], `${'F'.repeat(20)}\r\n`),
    ],
    ['a folded header', request(['Host: g', 'Connection: close', 'X-Talaria-Chat-Id: a\r\n b', length])],
    ['no Host', request(['Connection: close', length])],
    ['two Hosts', request(['Host: a', 'Host: b', 'Connection: close', length])],
    ['two keys', request(['Host: g', 'authorization: Bearer other', 'Connection: close', length])],
    ['a body that says it is compressed', request(['Host: g', 'Content-Encoding: gzip', 'Connection: close', length])],
    ['a path without end', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: g\r\n\r\n`],
    ['a method in lower case', 'get /healthz HTTP/1.1\r\nHost: g\r\n\r\n'],
    ['the beginning of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['the beginning of TLS', Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0])],
  ])('%s', async (_what, bytes) => {
    const { gateway } = await start();
    const answer = await exchange(gateway, bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"invalid_(request|header)"/);
    expect(answer.toLowerCase()).not.toContain('x-talaria-agent');
    await stillServes(gateway);
  });
});

describe('what is unusual and clear is served', () => {
  it('HTTP/1.0, whole and streamed, which then ends with the connection', async () => {
    const { gateway } = await start();
    const old = (body: string) =>
      whole(body).replace('HTTP/1.1', 'HTTP/1.0').replace('Host: g\r\nConnection: close\r\n', '');
    expect(await exchange(gateway, old(chat))).toMatch(/^HTTP\/1\.1 200 [\s\S]*"content":"x"/);
    const streamed = await exchange(gateway, old(`{"stream":true,${chat.slice(1)}`));
    expect(streamed).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\ndata: \{[\s\S]*data: \[DONE\]\n\n$/);
  });

  it('an expectation, known or not', async () => {
    const { gateway } = await start();
    const length = `Content-Length: ${chat.length}`;
    const expecting = (what: string) =>
      exchange(gateway, request(['Host: g', 'Connection: close', `Expect: ${what}`, length]));
    expect(await expecting('100-continue')).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    expect(await expecting('a-miracle')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('requests one behind the other on one connection, answered in their order', async () => {
    const { gateway } = await start();
    const ask = (text: string) => {
      const body = `{"messages":[{"role":"user","content":"${text}"}]}`;
      return request(['Host: g', `Content-Length: ${body.length}`], body);
    };
    const last = 'GET /healthz HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n';
    const texts = Array.from({ length: 50 }, (_, at) => `number ${at}`);
    const answer = await exchange(gateway, `${texts.map(ask).join('')}${last}`);
    expect([...answer.matchAll(/"content":"(number \d+)"/g)].map(([, text]) => text)).toEqual(texts);
    expect(answer).toMatch(/\{"status":"ok"\}$/);
  });
});

describe('a header’s value', () => {
  it('never becomes a header of the answer, whatever it encodes', async () => {
    const { gateway } = await start();
    const injected = 'X-Hermes-Chat-Id: a%0d%0aSet-Cookie:%20evil';
    const bytes = request(['Host: g', 'Connection: close', injected, `Content-Length: ${chat.length}`]);
    const answer = await exchange(gateway, bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"invalid_header"/);
    expect(answer).not.toMatch(/^set-cookie/im);
  });
});

describe('a slow client', () => {
  it.each([
    ['that sends its headers byte by byte', 'POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nX-A: '],
    ['that sends its body byte by byte', request(['Host: g', 'Content-Length: 100'], '{"model":"')],
    ['that sends nothing at all', ''],
  ])('%s is cut off in time, while others are served', async (_what, beginning) => {
    const { gateway } = await start({ requestTimeoutMs: 500 });
    const socket = open(gateway);
    socket.write(beginning);
    const dripping = setInterval(() => socket.write(beginning === '' ? '' : 'a'), 50);
    stops.push(() => clearInterval(dripping));
    const cut = answerOf(socket).catch(() => 'reset');
    await stillServes(gateway);
    expect(await cut).toMatch(/^$|^reset$|^HTTP\/1\.1 (400|408) /);
    await stillServes(gateway);
  });

  it('that closes its side while it waits has gone: the request to the model is closed', async () => {
    const { gateway, mock } = await start();
    mock.next({ kind: 'hang' });
    const socket = open(gateway, { allowHalfOpen: true });
    socket.write(whole(toRemote));
    await waitFor('the model to be asked', () => mock.requests.length > 0);
    socket.end();
    await waitFor('the request to the model to be closed', () => mock.requests[0]?.aborted());
    await stillServes(gateway);
  });

  it('that never reads its stream holds the model back, and its turn ends by its time limit', async () => {
    const model = await startEndlessModel();
    const { gateway } = await start();
    await gateway.serve({
      agents: [
        { name: 'echo', default: true },
        {
          name: 'remote',
          model: { provider: 'openai-compatible', baseURL: model.baseURL },
          limits: { turnTimeoutSeconds: 2 },
        },
      ],
      gatewayKeys: [{ name: 'all', key: 'k' }],
    });
    const socket = open(gateway);
    socket.pause();
    socket.write(whole(`{"stream":true,${toRemote.slice(1)}`));
    await waitFor('the turn to end by its time limit', async () =>
      (await (await fetch(`${gateway.url}/metrics`)).text()).includes('outcome="model_failed"} 1'),
    );
    await waitFor('the request to the model to be closed', model.isLeft);
    // What the kernel holds for the four ends of two connections, and little more.
    expect(model.sentBytes()).toBeLessThan(40_000_000);
    await stillServes(gateway);
  });
});

describe('many clients that say nothing', () => {
  it('hold no one else up: thousands of idle connections, and requests are served', async () => {
    const { gateway } = await start();
    const { port } = new URL(gateway.url);
    const count = Math.min(10_000, (await openFilesLimit()) - 2_000);
    const program = `
      const net = require('node:net');
      let open = 0;
      const one = () => net.connect(${port}, '127.0.0.1').on('error', () => process.exit(1)).once('connect', () => {
        open += 1;
        if (open <= ${count} - 100) one();
        if (open === ${count}) console.log('open');
      });
      for (let at = 0; at < 100; at += 1) one();
      process.stdin.resume().on('end', () => process.exit(0));`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
    stops.push(() => child.kill());
    const [line] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), once(child, 'exit')]);
    expect(line).toBe('open');
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(gateway.url, { key: 'k' })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
    child.stdin.end();
    await once(child, 'exit');
    await stillServes(gateway);
  });
});

describe('what a model says', () => {
  it.each([false, true])(
    'as lone surrogates, NUL and bytes that are no UTF-8 reaches the client (stream: %s)',
    async (stream) => {
      const { gateway, mock } = await start();
      const text = String.raw`"a\ud800b\u0000c`;
      const said = stream
        ? [
            Buffer.from(`data: {"choices":[{"delta":{"content":${text}`),
            Buffer.from([0xff, 0xc3]),
            Buffer.from('"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'),
          ]
        : [
            Buffer.from(`{"choices":[{"message":{"content":${text}`),
            Buffer.from([0xff, 0xc3]),
            Buffer.from('"},"finish_reason":"stop"}]}'),
          ];
      mock.next({ kind: 'raw', contentType: stream ? 'text/event-stream' : 'application/json', pieces: said });
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: 'Bearer k', 'content-type': 'application/json' },
        body: stream ? `{"stream":true,${toRemote.slice(1)}` : toRemote,
      });
      expect(response.status).toBe(200);
      const answer = await response.text();
      expect(answer.isWellFormed()).toBe(true);
      expect(answer).toMatch(/a(\\ud800|\ufffd)b(\\u0000|\ufffd)c\ufffd+"/);
    },
  );
});

/** A model server that streams as fast as it is read, without end. */
async function startEndlessModel() {
  const piece = `data: ${JSON.stringify({ choices: [{ delta: { content: 'x'.repeat(60_000) } }] })}\n\n`;
  let sent = 0;
  let left = false;
  const server = createServer((incoming, response) => {
    incoming.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' }).on('close', () => {
      left = true;
    });
    const fill = () => {
      let room = true;
      while (room && !left && sent < 1_000_000_000) {
        sent += piece.length;
        room = response.write(piece);
      }
    };
    response.on('drain', fill);
    fill();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => server.close());
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    sentBytes: () => sent,
    isLeft: () => left,
  };
}

/** How many files this process may have open; Node raises the soft limit to the hard one by itself. */
async function openFilesLimit(): Promise<number> {
  const child = spawn('/bin/sh', ['-c', 'ulimit -n'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return line === 'unlimited' ? 1_000_000 : Number(line);
}

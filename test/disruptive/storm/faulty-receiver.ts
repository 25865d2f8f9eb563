import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Random } from '../../isolation/random.ts';
import { type Faults, type FaultyTarget, pickFault, type Take } from './faulty-target.ts';

/** A receiver of webhooks, a path for each chat, that fails as often as `faults` says. */
export async function startFaultyReceiver(faults: Faults, random: Random): Promise<FaultyTarget> {
  const takes: Take[] = [];
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    const fault = pickFault(faults, random);
    readMessage(request).then(
      (take) => react(fault, take, response, takes, random),
      () => response.destroy(),
    );
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    row: (chat) => ({
      line: `chat-${chat}`,
      kind: 'webhook',
      destination: { url: `${url}/chats/${chat}`, secrets: [] },
    }),
    takes: () => takes,
    requests: () => requests,
    foreignTokens: () => 0,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readMessage(request: IncomingMessage): Promise<Take> {
  const body = JSON.parse(await text(request)) as { readonly data: { readonly text: string } };
  return {
    line: `chat-${request.url?.split('/').at(-1)}`,
    number: Number(body.data.text),
    id: String(request.headers['webhook-id']),
  };
}

function react(
  fault: keyof Faults | undefined,
  take: Take,
  response: ServerResponse,
  takes: Take[],
  random: Random,
): void {
  if (fault === undefined || fault === 'dies' || (fault === 'hangs' && random.chance(0.5))) takes.push(take);
  if (fault === undefined) response.writeHead(204).end();
  if (fault === 'fails') response.writeHead(500).end();
  if (fault === 'limits') response.writeHead(429, { 'retry-after': '1' }).end();
  if (fault === 'resets') response.destroy();
  if (fault === 'dies') {
    // The headers promise more than comes.
    response.writeHead(200, { 'content-length': 100 });
    response.flushHeaders();
    response.socket?.destroy();
  }
}

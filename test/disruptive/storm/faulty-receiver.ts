import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Random } from '../../isolation/random.ts';

/** One message that a target took, whether or not it said so. */
export interface Take {
  readonly chat: number;
  readonly number: number;
  /** By which the target tells a repetition; '' where it has no such thing. */
  readonly id: string;
}

/** What a target does instead of taking a message and saying so. */
export interface Faults {
  /** It answers 500 and has not taken it. */
  readonly fails: number;
  /** It answers 429 and has not taken it. */
  readonly limits: number;
  /** It never answers; half of those it has taken. */
  readonly hangs: number;
  /** It takes the message, and the connection breaks in the middle of the answer. */
  readonly dies: number;
}

/** A target of deliveries that behaves badly. */
export interface FaultyTarget {
  /** Columns of `deliveries` for a message to a chat: where it goes. */
  readonly row: (chat: number) => { readonly kind: string; readonly destination: object };
  /** Everything it took, in order. */
  readonly takes: readonly Take[];
  readonly requests: () => number;
  readonly stop: () => Promise<void>;
}

/** A receiver of webhooks, a path for each chat, that fails as often as `faults` says (shares of 1). */
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
    row: (chat) => ({ kind: 'webhook', destination: { url: `${url}/chats/${chat}`, secrets: [] } }),
    takes,
    requests: () => requests,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function pickFault(faults: Faults, random: Random): keyof Faults | undefined {
  let at = random.next();
  for (const name of ['fails', 'limits', 'hangs', 'dies'] as const) {
    at -= faults[name];
    if (at < 0) return name;
  }
  return undefined;
}

async function readMessage(request: IncomingMessage): Promise<Take> {
  const body = JSON.parse(await text(request)) as { readonly data: { readonly text: string } };
  return {
    chat: Number(request.url?.split('/').at(-1)),
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
  if (fault === 'dies') {
    // The headers promise more than comes.
    response.writeHead(200, { 'content-length': 100 });
    response.flushHeaders();
    response.socket?.destroy();
  }
}

import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A webhook as it arrived. */
export interface Received {
  readonly id: string;
  readonly body: string;
  readonly data: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
  readonly headers: IncomingHttpHeaders;
}

/** What the receiver does with a webhook; `count` counts from 1. */
export type Answer = (response: ServerResponse, received: Received, count: number) => void;

/** A receiver of webhooks on loopback. */
export interface Receiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** Changes what it does from now on. */
  readonly answer: (answer: Answer) => void;
  readonly stop: () => Promise<void>;
}

export const ok: Answer = (response) => {
  response.writeHead(204).end();
};

export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(code, headers).end();
  };

/** Starts one; it takes everything unless said. */
export async function startReceiver(first: Answer = ok): Promise<Receiver> {
  const received: Received[] = [];
  let current = first;
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const id = String(request.headers['webhook-id']);
    const webhook = { id, body, data: JSON.parse(body), headers: request.headers };
    received.push(webhook);
    current(response, webhook, received.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answer: (answer) => {
      current = answer;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * Whether a receiver that knows only `secret` takes the webhook as genuine, by the text of the Standard Webhooks
 * specification and none of our code.
 */
export function verifies({ headers, body }: Received, secret: string): boolean {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const expected = createHmac('sha256', key).update(content).digest('base64');
  const fresh = Math.abs(Date.now() / 1000 - Number(headers['webhook-timestamp'])) < 300;
  const signatures = String(headers['webhook-signature'] ?? '').split(' ');
  return fresh && signatures.includes(`v1,${expected}`);
}

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What came to the fake gateway. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly session: string | undefined;
  readonly body: { readonly model?: string; readonly messages?: readonly { readonly content: string }[] };
}

export interface FakeGateway {
  readonly url: string;
  readonly asked: readonly Asked[];
  readonly close: () => void;
}

/** An HTTP server whose answers a test writes by hand; `/stop` of a run answers by itself and calls `onStop`. */
export async function fakeGateway(
  answer: (response: ServerResponse, asked: Asked) => void,
  onStop: () => void = () => undefined,
): Promise<FakeGateway> {
  const asked: Asked[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await text(request);
    const one: Asked = {
      method: request.method ?? '',
      path: request.url ?? '',
      session: request.headers['x-talaria-session-id'] as string | undefined,
      body: body === '' ? {} : JSON.parse(body),
    };
    asked.push(one);
    if (!one.path.endsWith('/stop')) return answer(response, one);
    response.end('{}');
    onStop();
  };
  const server = createServer((request, response) => void serve(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Begins a streamed answer of the run `run_1`. */
export function beginStream(response: ServerResponse, ...pieces: readonly string[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'x-talaria-run-id': 'run_1' });
  response.write(': still at work\n\n');
  for (const piece of pieces) response.write(chunk({ content: piece }, null));
}

/** Ends a streamed answer as a gateway does. */
export function endStream(response: ServerResponse, reason = 'stop'): void {
  response.end(`${chunk({}, reason)}data: [DONE]\n\n`);
}

/** Ends a streamed answer with an error. */
export function failStream(response: ServerResponse, code: string, message: string): void {
  response.end(`data: ${JSON.stringify({ error: { code, message } })}\n\n`);
}

function chunk(delta: object, finish_reason: string | null): string {
  return `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
}

import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { MockCall } from './mock-model.ts';

/** What the server was asked. */
export interface AnthropicRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>> & { readonly messages: readonly object[] };
  /** True once the client closed the request before its answer was complete. */
  readonly aborted: () => boolean;
}

/** How the next request is answered. */
export type AnthropicBehaviour =
  | {
      readonly kind: 'answer';
      readonly text?: string;
      readonly calls?: readonly MockCall[];
      readonly stopReason?: string;
      readonly usage?: object;
      readonly pauseMs?: number;
    }
  /** An HTTP error with the body of the API. */
  | {
      readonly kind: 'fail';
      readonly status: number;
      readonly type?: string;
      readonly message?: string;
      readonly retryAfter?: number;
    }
  /** An error event, after this much of an answer when given. */
  | { readonly kind: 'error-event'; readonly type: string; readonly message?: string; readonly text?: string }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Sends this much of an answer, then nothing more. */
  | { readonly kind: 'stall'; readonly text: string }
  /** Breaks the connection, after this much of an answer when given. */
  | { readonly kind: 'reset'; readonly text?: string }
  /** Sends these bytes as they are. */
  | { readonly kind: 'raw'; readonly contentType: string; readonly pieces: readonly (string | Buffer)[] };

/** A model server with the wire format of Anthropic on a port of its own. */
export interface MockAnthropic {
  /** Up to and without `/messages`. */
  readonly baseURL: string;
  readonly requests: readonly AnthropicRequest[];
  /** Queues a behaviour for one request each; when none is queued it answers "Hello!". */
  readonly next: (...behaviours: readonly AnthropicBehaviour[]) => void;
  readonly stop: () => Promise<void>;
}

/**
 * Starts one on loopback. It streams only, with the events of the Messages API (docs.anthropic.com, "Streaming messages"),
 * and refuses requests that lack what the API demands.
 */
export async function startMockAnthropic(): Promise<MockAnthropic> {
  const requests: AnthropicRequest[] = [];
  const queue: AnthropicBehaviour[] = [];
  const server = createServer(async (incoming, response) => {
    const request = await readRequest(incoming, response);
    requests.push(request);
    const fault = faultOf(request);
    await behave(fault ?? queue.shift() ?? { kind: 'answer' }, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    next: (...behaviours) => {
      queue.push(...behaviours);
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** One event as it is on the wire. */
export function anthropicEvent(type: string, fields: object = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

/** The event that every answer begins with. */
export function messageStart(): string {
  const message = {
    id: 'msg_mock',
    type: 'message',
    role: 'assistant',
    model: 'claude-mock',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 11, cache_read_input_tokens: 3, cache_creation_input_tokens: 0, output_tokens: 1 },
  };
  return anthropicEvent('message_start', { message });
}

async function readRequest(incoming: IncomingMessage, response: ServerResponse): Promise<AnthropicRequest> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece as Buffer);
  return {
    path: incoming.url ?? '',
    headers: incoming.headers,
    body: JSON.parse(Buffer.concat(pieces).toString('utf8')) as AnthropicRequest['body'],
    aborted: () => response.destroyed && !response.writableFinished,
  };
}

function faultOf({ path, headers, body }: AnthropicRequest): AnthropicBehaviour | undefined {
  const refuse = (status: number, message: string) => ({ kind: 'fail', status, message }) as const;
  if (path !== '/v1/messages') return refuse(404, `no ${path}`);
  if (!headers['x-api-key'] || !headers['anthropic-version']) return refuse(401, 'x-api-key header is required');
  if (typeof body.max_tokens !== 'number') return refuse(400, 'max_tokens: Field required');
  return body.stream === true ? undefined : refuse(400, 'this server streams only');
}

async function behave(behaviour: AnthropicBehaviour, response: ServerResponse): Promise<void> {
  switch (behaviour.kind) {
    case 'answer':
      return answer(response, behaviour);
    case 'fail':
      return fail(response, behaviour);
    case 'error-event':
      startStream(response);
      if (behaviour.text !== undefined) response.write(begun(behaviour.text));
      response.end(errorEvent(behaviour.type, behaviour.message));
      return;
    case 'hang':
      return;
    case 'stall':
      startStream(response).write(begun(behaviour.text));
      return;
    case 'reset':
      if (behaviour.text === undefined) response.destroy();
      else startStream(response).write(begun(behaviour.text), () => response.destroy());
      return;
    case 'raw':
      response.writeHead(200, { 'content-type': behaviour.contentType });
      for (const piece of behaviour.pieces) {
        response.write(piece);
        await delay(5);
      }
      response.end();
  }
}

async function answer(
  response: ServerResponse,
  { text = 'Hello!', calls = [], pauseMs = 0, ...said }: Extract<AnthropicBehaviour, { kind: 'answer' }>,
): Promise<void> {
  startStream(response).write(messageStart() + anthropicEvent('ping'));
  let index = 0;
  for (const event of text === '' ? [] : textBlock(index++, text)) {
    response.write(event);
    if (pauseMs > 0) await delay(pauseMs);
  }
  for (const [at, call] of calls.entries()) response.write(toolBlock(index++, call, at));
  const stop_reason = said.stopReason ?? (calls.length > 0 ? 'tool_use' : 'end_turn');
  response.write(
    anthropicEvent('message_delta', {
      delta: { stop_reason, stop_sequence: null },
      usage: { output_tokens: 7, ...said.usage },
    }),
  );
  response.end(anthropicEvent('message_stop'));
}

function textBlock(index: number, text: string): string[] {
  const delta = (piece: string) =>
    anthropicEvent('content_block_delta', { index, delta: { type: 'text_delta', text: piece } });
  return [
    anthropicEvent('content_block_start', { index, content_block: { type: 'text', text: '' } }),
    ...(text.match(/\s*\S+\s*/g) ?? []).map(delta),
    anthropicEvent('content_block_stop', { index }),
  ];
}

/** The input comes in pieces, of which the first is empty; none more when it is `{}`. */
function toolBlock(index: number, { id, name, arguments: input }: MockCall, at: number): string {
  const written = typeof input === 'string' ? input : JSON.stringify(input);
  const pieces = ['', ...(written === '{}' ? [] : (written.match(/.{1,7}/gs) ?? []))];
  const content_block = { type: 'tool_use', id: id ?? `toolu_${at}`, name, input: {} };
  return [
    anthropicEvent('content_block_start', { index, content_block }),
    ...pieces.map((partial_json) =>
      anthropicEvent('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json } }),
    ),
    anthropicEvent('content_block_stop', { index }),
  ].join('');
}

/** The beginning of an answer with this text. */
function begun(text: string): string {
  return messageStart() + textBlock(0, text).slice(0, -1).join('');
}

function errorEvent(type: string, message = 'it failed'): string {
  return anthropicEvent('error', { error: { type, message } });
}

function fail(response: ServerResponse, behaviour: Extract<AnthropicBehaviour, { kind: 'fail' }>): void {
  const headers = behaviour.retryAfter === undefined ? {} : { 'retry-after': String(behaviour.retryAfter) };
  const error = { type: behaviour.type ?? 'api_error', message: behaviour.message ?? 'it failed' };
  response
    .writeHead(behaviour.status, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify({ type: 'error', error, request_id: 'req_mock' }));
}

function startStream(response: ServerResponse): ServerResponse {
  return response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
}

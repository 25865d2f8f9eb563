import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What a model server was asked. */
export interface ModelRequest {
  /** Counts the requests from one. */
  readonly number: number;
  readonly path: string;
  /** The bearer key, or '' when none came. */
  readonly key: string;
  readonly body: {
    readonly model: string;
    readonly messages: readonly { readonly role: string; readonly content: unknown }[];
    readonly stream?: boolean;
    readonly [field: string]: unknown;
  };
  /** True once the client closed the request before its answer was complete. */
  readonly aborted: () => boolean;
}

/** How the next request is answered; `text` where nothing else is said. */
export type ModelBehaviour =
  | { readonly kind: 'answer'; readonly text?: string; readonly delayMs?: number; readonly pauseMs?: number }
  /** Calls functions, after this text; streamed in pieces where a stream is asked for. */
  | { readonly kind: 'tools'; readonly calls: readonly MockCall[]; readonly text?: string }
  /** Answers once `after` resolved. */
  | { readonly kind: 'answer'; readonly text?: string; readonly after: Promise<unknown> }
  /** An HTTP error with the body of the OpenAI API. */
  | { readonly kind: 'fail'; readonly status: number; readonly message?: string; readonly retryAfter?: number }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Sends this much of the answer's stream, or these bytes, then nothing more. */
  | { readonly kind: 'stall'; readonly text: string }
  | { readonly kind: 'stall'; readonly raw: string }
  /** Breaks the connection, after this much of the answer's stream when given. */
  | { readonly kind: 'reset'; readonly text?: string }
  /** Breaks the connection after these bytes of an answer that is no stream. */
  | { readonly kind: 'reset'; readonly whole: string }
  /** Sends these bytes as they are. */
  | { readonly kind: 'raw'; readonly contentType: string; readonly pieces: readonly (string | Buffer)[] };

/** A call of a function; the id is made from its place when none is given. */
export interface MockCall {
  readonly id?: string;
  readonly name: string;
  /** The text itself, or what it says as JSON. */
  readonly arguments: string | object;
}

/** A model server with the wire format of OpenAI on a port of its own. */
export interface MockModel {
  /** Up to and without `/chat/completions`. */
  readonly baseURL: string;
  readonly requests: readonly ModelRequest[];
  /** Queues a behaviour for one request each; when none is queued the last user message is answered. */
  readonly next: (...behaviours: readonly ModelBehaviour[]) => void;
  /** What requests get when nothing is queued. */
  readonly always: (behaviour: ModelBehaviour) => void;
  readonly stop: () => Promise<void>;
}

/** Starts one on loopback. The usage it reports counts words. */
export async function startMockModel(): Promise<MockModel> {
  const requests: ModelRequest[] = [];
  const queue: ModelBehaviour[] = [];
  let fallback: ModelBehaviour = { kind: 'answer' };
  const server = createServer(async (incoming, response) => {
    const request = await readRequest(incoming, response, requests);
    requests.push(request);
    await behave(queue.shift() ?? fallback, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    next: (...behaviours) => {
      queue.push(...behaviours);
    },
    always: (behaviour) => {
      fallback = behaviour;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readRequest(
  incoming: IncomingMessage,
  response: ServerResponse,
  earlier: readonly ModelRequest[],
): Promise<ModelRequest> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece as Buffer);
  return {
    number: earlier.length + 1,
    path: incoming.url ?? '',
    key: (incoming.headers.authorization ?? '').replace(/^Bearer /, ''),
    body: JSON.parse(Buffer.concat(pieces).toString('utf8')) as ModelRequest['body'],
    aborted: () => response.destroyed && !response.writableFinished,
  };
}

async function behave(behaviour: ModelBehaviour, request: ModelRequest, response: ServerResponse): Promise<void> {
  switch (behaviour.kind) {
    case 'answer':
      if ('after' in behaviour) {
        await behaviour.after;
        return answer(response, request, behaviour.text ?? lastUserText(request), 0);
      }
      if (behaviour.delayMs) await delay(behaviour.delayMs);
      return answer(response, request, behaviour.text ?? lastUserText(request), behaviour.pauseMs ?? 0);
    case 'tools':
      return callTools(response, request, behaviour.text ?? '', behaviour.calls);
    case 'fail':
      return fail(response, behaviour);
    case 'hang':
      return;
    case 'stall':
      return void startStream(response, request).write(
        'raw' in behaviour ? behaviour.raw : deltas(request, behaviour.text),
      );
    case 'reset':
      if ('whole' in behaviour) {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1_000 });
        response.write(behaviour.whole, () => response.destroy());
        return;
      }
      if (behaviour.text === undefined) return void response.destroy();
      startStream(response, request).write(deltas(request, behaviour.text), () => response.destroy());
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

async function answer(response: ServerResponse, request: ModelRequest, text: string, pauseMs: number): Promise<void> {
  const usage = usageOf(request, text);
  if (request.body.stream !== true) return sendWhole(response, request, text, usage);
  startStream(response, request);
  for (const word of words(text)) {
    if (response.destroyed) return;
    response.write(deltas(request, word));
    if (pauseMs > 0) await delay(pauseMs);
  }
  endStream(response, request, 'stop', usage);
}

function endStream(response: ServerResponse, request: ModelRequest, finishReason: string, usage: object): void {
  response.write(event(request, [{ index: 0, delta: {}, finish_reason: finishReason }]));
  response.write(`data: ${JSON.stringify({ ...frame(request), choices: [], usage })}\n\n`);
  response.end('data: [DONE]\n\n');
}

function sendWhole(response: ServerResponse, request: ModelRequest, text: string, usage: object): void {
  sendChoice(response, request, { message: { role: 'assistant', content: text }, finish_reason: 'stop' }, usage);
}

function sendChoice(response: ServerResponse, request: ModelRequest, choice: object, usage: object): void {
  const body = { ...frame(request), object: 'chat.completion', choices: [{ index: 0, ...choice }], usage };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function callTools(response: ServerResponse, request: ModelRequest, text: string, calls: readonly MockCall[]): void {
  const usage = usageOf(request, text);
  const whole = calls.map(({ id, name, arguments: input }, at) => ({
    id: id ?? `call_${request.number}_${at}`,
    type: 'function',
    function: { name, arguments: typeof input === 'string' ? input : JSON.stringify(input) },
  }));
  if (request.body.stream !== true) {
    const message = { role: 'assistant', content: text === '' ? null : text, tool_calls: whole };
    sendChoice(response, request, { message, finish_reason: 'tool_calls' }, usage);
    return;
  }
  startStream(response, request);
  if (text !== '') response.write(deltas(request, text));
  for (const [index, call] of whole.entries()) {
    const piece = (part: object) =>
      response.write(event(request, [{ index: 0, delta: { tool_calls: [{ index, ...part }] }, finish_reason: null }]));
    piece({ ...call, function: { name: call.function.name, arguments: '' } });
    for (const part of call.function.arguments.match(/.{1,7}/gs) ?? []) piece({ function: { arguments: part } });
  }
  endStream(response, request, 'tool_calls', usage);
}

function fail(response: ServerResponse, behaviour: Extract<ModelBehaviour, { kind: 'fail' }>): void {
  const headers = behaviour.retryAfter === undefined ? {} : { 'retry-after': String(behaviour.retryAfter) };
  response
    .writeHead(behaviour.status, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify({ error: { message: behaviour.message ?? 'it failed', type: 'server_error', code: null } }));
}

function startStream(response: ServerResponse, request: ModelRequest): ServerResponse {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(event(request, [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]));
  return response;
}

function deltas(request: ModelRequest, text: string): string {
  return event(request, [{ index: 0, delta: { content: text }, finish_reason: null }]);
}

function event(request: ModelRequest, choices: readonly object[]): string {
  return `data: ${JSON.stringify({ ...frame(request), choices })}\n\n`;
}

function frame(request: ModelRequest): object {
  return { id: 'chatcmpl-mock', object: 'chat.completion.chunk', created: 1_700_000_000, model: request.body.model };
}

function usageOf(request: ModelRequest, text: string): object {
  const asked = request.body.messages.reduce((sum, message) => sum + words(String(message.content)).length, 0);
  const answered = words(text).length;
  return { prompt_tokens: asked, completion_tokens: answered, total_tokens: asked + answered };
}

function lastUserText(request: ModelRequest): string {
  const content = request.body.messages.findLast((message) => message.role === 'user')?.content;
  return typeof content === 'string' ? content : JSON.stringify(content);
}

function words(text: string): string[] {
  return text.match(/\s*\S+\s*/g) ?? [];
}

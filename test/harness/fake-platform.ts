import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a chat platform was asked to show. */
export interface SeenMessage {
  readonly token: string;
  readonly chat: string;
  /** '' for none. */
  readonly thread: string;
  readonly text: string;
  /** By what the platform would know it again, '' where it has no such key. */
  readonly key: string;
  /** The request as it came. */
  readonly request: PlatformRequest;
}

export interface PlatformRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** `{}` when it was no JSON object. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface PlatformReply {
  readonly status: number;
  readonly body: object | string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How a request is met. */
export type PlatformBehaviour =
  /** Taken, when its limits allow. */
  | { readonly kind: 'take' }
  /** Refused by the platform's error of this name: its code, or its description. */
  | { readonly kind: 'refuse'; readonly code: string; readonly status?: number }
  | { readonly kind: 'limit'; readonly seconds: number }
  /** Anything else that can stand in front of a platform. */
  | { readonly kind: 'reply'; readonly reply: PlatformReply }
  /** Read and never answered; not shown. */
  | { readonly kind: 'hang' }
  /** The connection breaks once the request was read; not shown. */
  | { readonly kind: 'reset' }
  /** Shown, then the connection breaks in the middle of the answer. */
  | { readonly kind: 'die' }
  /** Shown, and the second half of the answer never comes. */
  | { readonly kind: 'stall' };

/** What one platform says on the wire. */
export interface PlatformWire {
  /** What is asked to be shown, or undefined when the request is none of the platform's. */
  readonly read: (request: PlatformRequest) => Omit<SeenMessage, 'request'> | undefined;
  /** The platform's own objection: its limits, a token that it took back. */
  readonly objection: (message: SeenMessage) => PlatformReply | undefined;
  readonly taken: (message: SeenMessage, id: string) => PlatformReply;
  readonly refused: (code: string, status: number | undefined) => PlatformReply;
  readonly limited: (seconds: number) => PlatformReply;
  readonly unknown: () => PlatformReply;
  readonly id: (number: number) => string;
}

/** A chat platform on a port of its own. */
export interface FakePlatform {
  readonly url: string;
  /** Every message that it was asked to show, whatever became of it. */
  readonly seen: readonly SeenMessage[];
  /** What people see, in order: a message that it knew again is there once. */
  readonly shown: readonly SeenMessage[];
  /** Queues a behaviour for one request each; `always` holds when none is queued, and may choose anew each time. */
  readonly next: (...behaviours: readonly PlatformBehaviour[]) => void;
  readonly always: (behaviour: PlatformBehaviour | (() => PlatformBehaviour)) => void;
  readonly stop: () => Promise<void>;
}

/** Starts one on loopback, or on this port of it. */
export async function startFakePlatform(wire: PlatformWire, port = 0): Promise<FakePlatform> {
  const seen: SeenMessage[] = [];
  const shown: SeenMessage[] = [];
  const ids = new Map<string, string>();
  const queue: PlatformBehaviour[] = [];
  let fallback: () => PlatformBehaviour = () => ({ kind: 'take' });

  const take = (message: SeenMessage): PlatformReply => {
    const again = message.key === '' ? undefined : ids.get(`${message.token} ${message.key}`);
    const id = again ?? wire.id(shown.length + 1);
    if (again === undefined) shown.push(message);
    if (message.key !== '') ids.set(`${message.token} ${message.key}`, id);
    return wire.taken(message, id);
  };

  const server = createServer(async (incoming, response) => {
    const request = await readRequest(incoming);
    const read = wire.read(request);
    if (!read) return reply(response, wire.unknown());
    const message = { ...read, request };
    seen.push(message);
    const behaviour = queue.shift() ?? fallback();
    if (behaviour.kind === 'hang') return;
    if (behaviour.kind === 'reset') return void response.destroy();
    if (behaviour.kind === 'refuse') return reply(response, wire.refused(behaviour.code, behaviour.status));
    if (behaviour.kind === 'limit') return reply(response, wire.limited(behaviour.seconds));
    if (behaviour.kind === 'reply') return reply(response, behaviour.reply);
    const objection = wire.objection(message);
    if (objection) return reply(response, objection);
    if (behaviour.kind === 'die') return half(response, take(message), () => response.destroy());
    if (behaviour.kind === 'stall') return half(response, take(message), () => undefined);
    reply(response, take(message));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    shown,
    next: (...behaviours) => {
      queue.push(...behaviours);
    },
    always: (behaviour) => {
      fallback = typeof behaviour === 'function' ? behaviour : () => behaviour;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A member of a request's body as text: '' when it is not there. */
export function textMember(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** The token of an `authorization` header of this scheme. */
export function bearer(request: PlatformRequest, scheme = 'Bearer'): string {
  const header = request.headers.authorization ?? '';
  return header.startsWith(`${scheme} `) ? header.slice(scheme.length + 1) : '';
}

async function readRequest(incoming: IncomingMessage): Promise<PlatformRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const { method = '', url = '', headers } = incoming;
  return { method, path: url, headers, body: jsonObject(Buffer.concat(chunks).toString('utf8')) };
}

function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function reply(response: ServerResponse, { status, body, headers }: PlatformReply): void {
  const type = typeof body === 'string' ? 'text/html' : 'application/json';
  response.writeHead(status, { 'content-type': type, ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

function half(response: ServerResponse, { status, body }: PlatformReply, then: () => void): void {
  const whole = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(whole) });
  response.write(whole.slice(0, whole.length / 2), then);
}

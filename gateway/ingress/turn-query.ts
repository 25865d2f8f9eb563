import type { FastifyReply, FastifyRequest } from 'fastify';
import { TalariaError } from '../../core/lib/errors.ts';
import { toWire } from '../../core/lib/id.ts';
import { envelope, secretHeaders } from '../../core/route/envelope.ts';
import type { Resolution, ResolveQuery } from '../../core/route/resolve.ts';
import { encodeHeaderValue, readTalariaHeaders, type TalariaHeaders } from './headers.ts';
import { admissionOf } from './request.ts';

/** The `X-Talaria-...` headers of a request for a turn. Throws `invalid_header` or `unsupported_field`. */
export function readTurnHeaders(request: FastifyRequest): TalariaHeaders {
  const headers = readTalariaHeaders(request.raw.rawHeaders);
  refuseSessionKey(headers);
  return headers;
}

/** What a request says about itself, beside its headers. */
export interface TurnFacts {
  readonly headers: TalariaHeaders;
  /** '' when the request names none. */
  readonly model: string;
  /** The newest text of the user. */
  readonly text: string;
  /** Unix milliseconds. */
  readonly receivedAt: number;
  readonly isRetired: (name: string) => boolean;
  readonly idempotencyKey?: string | undefined;
}

/** The message that is to be routed, and who sends it. */
export function toQuery(request: FastifyRequest, facts: TurnFacts): ResolveQuery {
  const { principal, claims } = admissionOf(request);
  const { headers, model, text, receivedAt, isRetired, idempotencyKey } = facts;
  return {
    envelope: envelope({
      chatId: headers.chatId,
      threadId: headers.threadId,
      userId: headers.userId,
      apiKey: principal.keyName ?? '',
      model,
      headers: routableHeaders(request),
      claims,
      text,
      receivedAt,
    }),
    principal,
    isRetired,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
}

/** Who answers, and where it is kept. Ids are UUIDs, '' or absent where there is none. */
export interface AnsweredBy {
  readonly resolution: Pick<Resolution, 'agentName' | 'route' | 'rule'>;
  readonly session?: string | undefined;
  readonly run?: string | undefined;
  /** `x-ratelimit-*`. */
  readonly limitHeaders?: Readonly<Record<string, string>> | undefined;
}

/** Tells the client, and the log, who answers and why. */
export function describeTurn(
  request: FastifyRequest,
  reply: FastifyReply,
  { resolution, session = '', run = '', limitHeaders = {} }: AnsweredBy,
  headers: TalariaHeaders,
): void {
  const { agentName, route, rule } = resolution;
  reply.header('x-talaria-agent', agentName);
  reply.headers(limitHeaders);
  if (route) reply.header('x-talaria-route', `${route}/${rule}`);
  const sessionId = session === '' ? undefined : toWire('ses', session);
  const runId = run === '' ? undefined : toWire('run', run);
  if (sessionId) reply.header('x-talaria-session-id', sessionId);
  if (runId) reply.header('x-talaria-run-id', runId);
  for (const [name, value] of headers.aliases) {
    reply.header(name, name === 'x-hermes-session-id' && sessionId ? sessionId : encodeHeaderValue(value));
  }
  Object.assign(request.facts, { agent: agentName, route, rule, sessionId, runId });
  request.trace?.admitted(agentName);
}

/** Aborts when the connection closes before the answer is out. */
export function signalOfClient(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  // Who left before this was asked sends no event any more.
  if (reply.raw.destroyed) controller.abort();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

/** Every header that a Route may see. */
function routableHeaders({ headers }: FastifyRequest): Record<string, string> {
  const seen: Record<string, string> = {};
  for (const name in headers) if (!secretHeaders.includes(name)) seen[name] = headers[name] as string;
  return seen;
}

/** It scopes an agent's memory. Taken without one, it would promise that a scope is kept which is not there. */
function refuseSessionKey({ sessionKey, aliases }: TalariaHeaders): void {
  if (sessionKey === '') return;
  const param = aliases.some(([name]) => name === 'x-hermes-session-key')
    ? 'x-hermes-session-key'
    : 'x-talaria-session-key';
  const message = `Header ${param} scopes an agent's memory, which this gateway does not have yet. Leave it out.`;
  throw new TalariaError('unsupported_field', message, { param });
}

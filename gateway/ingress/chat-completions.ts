import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../core/lib/clock.ts';
import { TalariaError } from '../../core/lib/errors.ts';
import { newId, toWire } from '../../core/lib/id.ts';
import { type Envelope, envelope, secretHeaders } from '../../core/route/envelope.ts';
import type { Resolution, ResolveQuery } from '../../core/route/resolve.ts';
import { type ChatMessage, textOf } from '../agent/models/port.ts';
import type { OnTurnEvent } from '../agent/steps.ts';
import type { TurnResult } from '../agent/turn.ts';
import { modelName } from '../config/listing.ts';
import { toItems } from '../sessions/items.ts';
import type { StatelessTurns } from '../turns/stateless-turn.ts';
import type { StoredTurns } from '../turns/stored-turn.ts';
import { type AnswerFrame, completion, createChunkWriter } from './chat-answer.ts';
import { type ChatRequest, readChatBody } from './chat-body.ts';
import { errorAnswer } from './errors.ts';
import { createEventStream } from './event-stream.ts';
import { encodeHeaderValue, readTalariaHeaders, type TalariaHeaders } from './headers.ts';
import { lastTurn } from './last-turn.ts';
import { type Admission, type AdmitOptions, admissionOf, admitBy } from './request.ts';

export interface ChatCompletionsOptions extends AdmitOptions {
  readonly stateless: StatelessTurns;
  readonly stored: StoredTurns;
  /** Whether an Agent of this name existed and is gone. */
  readonly isRetired: (name: string) => boolean;
  readonly clock: Clock;
}

/** `POST /v1/chat/completions`: stateless, or a turn of the session that `X-Talaria-Session-Id` names. */
export function addChatCompletions(app: FastifyInstance, options: ChatCompletionsOptions): void {
  app.post('/v1/chat/completions', { onRequest: admitBy(options) }, async (request, reply) => {
    const admission = admissionOf(request);
    const headers = readTalariaHeaders(request.raw.rawHeaders);
    refuseIdempotencyKey(request);
    refuseSessionKey(headers);
    const body = readChatBody(request.body);
    const clientSignal = signalOfClient(reply);
    const turn = await openTurn(options, { request, admission, headers, body, clientSignal });
    describeTurn(request, reply, turn, headers);
    const model = modelName(turn.resolution.agentName);
    const frame = {
      id: `chatcmpl-${newId().replaceAll('-', '')}`,
      created: Math.floor(options.clock.now() / 1_000),
      model,
    };
    if (body.stream) return streamAnswer(request, reply, { turn, frame, body, clientSignal });
    const result = await turn.complete();
    noteUsage(request, result);
    return completion(frame, result);
  });
}

/** A turn that may be completed, stored or not. */
interface OpenTurn {
  readonly resolution: Resolution;
  /** UUIDs; only of a stored turn. */
  readonly session?: string;
  readonly run?: string;
  readonly complete: (onEvent?: OnTurnEvent) => Promise<TurnResult>;
}

interface Parsed {
  readonly request: FastifyRequest;
  readonly admission: Admission;
  readonly headers: TalariaHeaders;
  readonly body: ChatRequest;
  readonly clientSignal: AbortSignal;
}

async function openTurn(
  options: ChatCompletionsOptions,
  { request, admission, headers, body, clientSignal }: Parsed,
): Promise<OpenTurn> {
  const { table, principal } = admission;
  const { tools, parameters } = body;
  const stored = headers.sessionId !== '';
  const input = stored ? lastTurn(body.messages) : body.messages;
  const query: ResolveQuery = {
    envelope: toEnvelope({ request, admission, headers, body }, input, options.clock.now()),
    principal,
    isRetired: options.isRetired,
  };
  if (!stored) return options.stateless.begin({ table, query, messages: input, tools, parameters, clientSignal });
  const turn = await options.stored.begin(
    {
      table,
      query,
      session: { kind: 'header', value: headers.sessionId },
      input: input.flatMap(toItems),
      tools,
      parameters,
    },
    clientSignal,
  );
  if (turn.kind === 'repeated') throw new Error('a request without an Idempotency-Key cannot be repeated');
  return { ...turn, complete: (onEvent) => turn.complete({ onEvent }) };
}

function toEnvelope(
  { request, admission, headers, body }: Omit<Parsed, 'clientSignal'>,
  input: readonly ChatMessage[],
  receivedAt: number,
): Envelope {
  const last = input.findLast((message) => message.role === 'user');
  return envelope({
    chatId: headers.chatId,
    threadId: headers.threadId,
    userId: headers.userId,
    apiKey: admission.principal.keyName ?? '',
    model: body.model,
    headers: routableHeaders(request),
    text: last ? textOf(last) : '',
    receivedAt,
  });
}

/** Every header that a Route may see. */
function routableHeaders(request: FastifyRequest): Record<string, string> {
  const headers = { ...request.headers };
  for (const name of secretHeaders) delete headers[name];
  return headers as Record<string, string>;
}

function refuseIdempotencyKey(request: FastifyRequest): void {
  if (request.headers['idempotency-key'] === undefined) return;
  throw new TalariaError('unsupported_field', 'This gateway does not act on Idempotency-Key yet. Leave it out.', {
    param: 'idempotency-key',
  });
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

/** Aborts when the connection closes before the answer is out. */
function signalOfClient(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

/** Tells the client, and the log, who answers and why. */
function describeTurn(request: FastifyRequest, reply: FastifyReply, turn: OpenTurn, headers: TalariaHeaders): void {
  const { agentName, route, rule } = turn.resolution;
  reply.header('x-talaria-agent', agentName);
  if (route !== undefined) reply.header('x-talaria-route', `${route}/${rule}`);
  const session = turn.session && toWire('ses', turn.session);
  const run = turn.run && toWire('run', turn.run);
  if (session) reply.header('x-talaria-session-id', session);
  if (run) reply.header('x-talaria-run-id', run);
  for (const [name, value] of headers.aliases) {
    reply.header(name, name === 'x-hermes-session-id' && session ? session : encodeHeaderValue(value));
  }
  Object.assign(request.facts, { agent: agentName, route, rule, session, run });
}

interface Streaming {
  readonly turn: OpenTurn;
  readonly frame: AnswerFrame;
  readonly body: ChatRequest;
  readonly clientSignal: AbortSignal;
}

/** Before the first event a failure is an HTTP error; after it, an event that the official SDKs throw. */
async function streamAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  { turn, frame, body, clientSignal }: Streaming,
): Promise<FastifyReply> {
  const chunks = createChunkWriter(frame, body.includeUsage);
  const stream = createEventStream(reply, { clientSignal, opening: chunks.first() });
  try {
    const result = await turn.complete((event) => {
      const written = chunks.event(event);
      if (written !== '') return stream.write(written);
    });
    noteUsage(request, result);
    stream.end(chunks.last(result));
  } catch (error) {
    stream.cancel();
    if (!stream.started()) throw error;
    const answer = errorAnswer(error);
    request.errorCode = answer.code;
    stream.end(`data: ${JSON.stringify(answer.body)}\n\n`);
  }
  return reply;
}

function noteUsage(request: FastifyRequest, { usage, model }: TurnResult): void {
  Object.assign(request.facts, { model, ...usage });
}

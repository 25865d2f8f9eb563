import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../../core/lib/clock.ts';
import { madeAt, newHexId } from '../../../core/lib/id.ts';
import type { ResolveQuery } from '../../../core/route/resolve.ts';
import { textOf } from '../../agent/models/port.ts';
import type { TurnEvent } from '../../agent/steps.ts';
import type { TurnResult } from '../../agent/turn.ts';
import { modelName } from '../../config/listing.ts';
import type { Hints } from '../../db/hints.ts';
import type { Database } from '../../db/pool.ts';
import type { Limits } from '../../limits/limits.ts';
import type { AcquirePermit } from '../../limits/request-permit.ts';
import { awaitRepeated, findRepeated, type Idempotency } from '../../runs/idempotency.ts';
import { resultOf } from '../../runs/run-result.ts';
import { toItems } from '../../sessions/items.ts';
import type { Following } from '../../turns/complete-turn.ts';
import { beginWithinLimits } from '../../turns/limited-turn.ts';
import type { StatelessTurns } from '../../turns/stateless-turn.ts';
import type { StoredTurns } from '../../turns/stored-turn.ts';
import type { SessionChoice } from '../../turns/turn-request.ts';
import { readDeliver } from '../deliver.ts';
import { errorAnswer } from '../errors.ts';
import { createEventStream } from '../event-stream.ts';
import type { TalariaHeaders } from '../headers.ts';
import { markRepeated, readIdempotencyKey } from '../idempotency-key.ts';
import { lastTurn } from '../last-turn.ts';
import { countStream, type OpenStreams } from '../open-streams.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';
import { type AnsweredBy, describeTurn, readTurnHeaders, signalOfClient, toQuery } from '../turn-query.ts';
import { type AnswerFrame, completion, createChunkWriter, replayEvents } from './chat-answer.ts';
import { type ChatRequest, readChatBody } from './chat-body.ts';

export interface ChatCompletionsOptions extends AdmitOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, 'follow'>;
  readonly stateless: StatelessTurns;
  readonly stored: StoredTurns;
  readonly limits: Limits;
  readonly streams: OpenStreams;
  /** Whether an Agent of this name existed and is gone. */
  readonly isRetired: (name: string) => boolean;
  readonly clock: Clock;
}

/**
 * `POST /v1/chat/completions`: stateless, or a turn of the session that `X-Talaria-Session-Id` names. With an
 * Idempotency-Key or `deliver` it is a run also without a session, and a repeated request gets its stored answer.
 */
export function addChatCompletions(app: FastifyInstance, options: ChatCompletionsOptions): void {
  app.post('/v1/chat/completions', { onRequest: admitBy(options) }, (request, reply) =>
    answerChat(options, request, reply, readTurnHeaders(request)),
  );
}

/** Answers the chat completion in the request's body, with these headers in the place of the request's own. */
export async function answerChat(
  options: ChatCompletionsOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  headers: TalariaHeaders,
): Promise<object> {
  const idempotency = readIdempotencyKey(request);
  const body = readChatBody(request.body);
  const clientSignal = signalOfClient(reply);
  if (body.stream) countStream(options.streams, reply.raw);
  const turn = await openTurn(options, { request, reply, headers, body, idempotency, clientSignal });
  describeTurn(request, reply, turn, headers);
  const frame = {
    id: `chatcmpl-${turn.run === undefined ? newHexId() : turn.run.replaceAll('-', '')}`,
    // The same for a repeated request: the id of its run holds the time.
    created: Math.floor((turn.run === undefined ? options.clock.now() : madeAt(turn.run)) / 1_000),
    model: modelName(turn.resolution.agentName),
  };
  if (body.stream) return streamAnswer(request, reply, { turn, frame, body, clientSignal });
  const result = await turn.complete();
  noteUsage(request, result);
  return completion(frame, result);
}

/** A turn that may be completed, stored or not, or one that was before. */
interface OpenTurn extends AnsweredBy {
  readonly complete: (following?: Following) => Promise<TurnResult>;
}

interface Parsed {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly headers: TalariaHeaders;
  readonly body: ChatRequest;
  readonly idempotency: Idempotency | undefined;
  readonly clientSignal: AbortSignal;
}

async function openTurn(options: ChatCompletionsOptions, parsed: Parsed): Promise<OpenTurn> {
  const { request, idempotency } = parsed;
  const { principal } = admissionOf(request);
  if (idempotency !== undefined) {
    const repeated = await findRepeated(options.database, principal, idempotency);
    if (repeated?.run !== undefined) return await repeat(options, parsed, repeated.run);
  }
  return await beginWithinLimits(options.limits, principal, (acquire) => beginTurn(options, parsed, acquire));
}

async function beginTurn(options: ChatCompletionsOptions, parsed: Parsed, acquire: AcquirePermit): Promise<OpenTurn> {
  const { headers, body, idempotency, clientSignal } = parsed;
  const { table } = admissionOf(parsed.request);
  const query = queryOf(options, parsed);
  const { messages, tools, parameters } = body;
  const deliver = readDeliver(admissionOf(parsed.request).principal, body.deliver);
  if (headers.sessionId === '' && idempotency === undefined && deliver.length === 0) {
    return await options.stateless.begin({ table, query, messages, tools, parameters, clientSignal, acquire });
  }
  const session: SessionChoice =
    headers.sessionId === '' ? { kind: 'none' } : { kind: 'header', value: headers.sessionId };
  const input = (session.kind === 'none' ? messages : lastTurn(messages)).flatMap(toItems);
  const asked = { table, query, session, input, tools, parameters, deliver, idempotency, acquire };
  const turn = await options.stored.begin(asked, clientSignal);
  if (turn.kind === 'repeated') return await repeat(options, parsed, turn.run);
  return turn;
}

/** The answer of the run that an earlier request with the same Idempotency-Key made. */
async function repeat(options: ChatCompletionsOptions, parsed: Parsed, id: string): Promise<OpenTurn> {
  const { request, reply, clientSignal } = parsed;
  const run = await awaitRepeated(options, admissionOf(request).principal, id, clientSignal);
  markRepeated(request, reply);
  const { agent: agentName, route, rule, session } = run;
  return {
    resolution: { agentName, route, rule },
    session,
    run: run.id,
    complete: async ({ onEvent } = {}) => {
      const result = resultOf(run);
      if (onEvent) await replayEvents(result, onEvent);
      return result;
    },
  };
}

function queryOf(
  { isRetired, clock }: ChatCompletionsOptions,
  { request, headers, body, idempotency }: Parsed,
): ResolveQuery {
  const messages = headers.sessionId === '' ? body.messages : lastTurn(body.messages);
  const last = messages.findLast((message) => message.role === 'user');
  return toQuery(request, {
    headers,
    model: body.model,
    text: last ? textOf(last) : '',
    receivedAt: clock.now(),
    isRetired,
    idempotencyKey: idempotency?.key,
  });
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
    const onEvent = (event: TurnEvent) => {
      const written = chunks.event(event);
      if (written !== '') return stream.write(written);
    };
    const result = await turn.complete({ onEvent });
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

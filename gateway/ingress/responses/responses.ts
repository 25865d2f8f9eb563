import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../../core/lib/clock.ts';
import { madeAt } from '../../../core/lib/id.ts';
import type { TurnEvent } from '../../agent/steps.ts';
import type { TurnResult } from '../../agent/turn.ts';
import { errorAnswer } from '../errors.ts';
import { createEventStream } from '../event-stream.ts';
import { readIdempotencyKey } from '../idempotency-key.ts';
import { countStream, type OpenStreams } from '../open-streams.ts';
import { admitBy } from '../request.ts';
import { describeTurn, readTurnHeaders, signalOfClient } from '../turn-query.ts';
import { submitResponse } from './response-background.ts';
import { readResponseBody } from './response-body.ts';
import { createResponseEvents } from './response-events.ts';
import { endedState, type ResponseFrame, responseObject } from './response-object.ts';
import {
  type OpenResponse,
  openResponse,
  type ParsedResponse,
  previousOf,
  type ResponseTurnOptions,
} from './response-turn.ts';

export interface ResponsesOptions extends ResponseTurnOptions {
  readonly streams: OpenStreams;
}

/**
 * `POST /v1/responses`: stored, in the session of the response or conversation that it goes on from or in a new one, unless
 * `store` is false.
 */
export function addResponses(app: FastifyInstance, options: ResponsesOptions): void {
  app.post('/v1/responses', { onRequest: admitBy(options) }, async (request, reply) => {
    const headers = readTurnHeaders(request);
    const idempotency = readIdempotencyKey(request);
    const body = readResponseBody(request.body);
    const clientSignal = signalOfClient(reply);
    const parsed = { request, reply, headers, body, idempotency, clientSignal };
    if (body.background) return await submitResponse(options, parsed);
    if (body.stream) countStream(options.streams, reply.raw);
    const turn = await openResponse(options, parsed);
    describeTurn(request, reply, turn, headers);
    const frame = frameOf(turn, parsed);
    if (body.stream) return await streamAnswer(options.clock, parsed, turn, frame);
    const result = await turn.complete();
    noteUsage(request, result);
    return responseObject(frame, endedState(result, turn.completedAt ?? options.clock.now()));
  });
}

function frameOf({ id, resolution, session }: OpenResponse, { body }: ParsedResponse): ResponseFrame {
  const { agentName: agent } = resolution;
  return { id, createdAt: madeAt(id), agent, previous: previousOf(body), session, echoed: body.echoed };
}

/** Before the first event a failure is an HTTP error; after it, the events `error` and `response.failed`. */
async function streamAnswer(
  clock: Clock,
  { request, reply, clientSignal }: ParsedResponse,
  turn: OpenResponse,
  frame: ResponseFrame,
): Promise<FastifyReply> {
  const events = createResponseEvents(frame);
  const stream = createEventStream(reply, { clientSignal, opening: events.first() });
  try {
    const onEvent = (event: TurnEvent) => {
      const written = events.event(event);
      if (written !== '') return stream.write(written);
    };
    const result = await turn.complete({ onEvent });
    noteUsage(request, result);
    stream.end(events.last(result, turn.completedAt ?? clock.now()));
  } catch (error) {
    stream.cancel();
    if (!stream.started()) throw error;
    const answer = errorAnswer(error);
    request.errorCode = answer.code;
    stream.end(events.failed(answer.body.error));
  }
  return reply;
}

function noteUsage(request: FastifyRequest, { usage, model }: TurnResult): void {
  Object.assign(request.facts, { model, ...usage });
}

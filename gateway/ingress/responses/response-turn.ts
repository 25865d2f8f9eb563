import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../../core/lib/clock.ts';
import { fromWire, newId } from '../../../core/lib/id.ts';
import type { TurnResult } from '../../agent/turn.ts';
import type { Hints } from '../../db/hints.ts';
import type { Database } from '../../db/pool.ts';
import type { Limits } from '../../limits/limits.ts';
import type { AcquirePermit } from '../../limits/request-permit.ts';
import { awaitRepeated, findRepeatedRun, type Idempotency } from '../../runs/idempotency.ts';
import { resultOf } from '../../runs/run-result.ts';
import { toItems, toMessages } from '../../sessions/items.ts';
import type { Following } from '../../turns/complete-turn.ts';
import { coherent } from '../../turns/history.ts';
import { beginWithinLimits } from '../../turns/limited-turn.ts';
import type { StatelessTurns } from '../../turns/stateless-turn.ts';
import type { StoredTurns } from '../../turns/stored-turn.ts';
import type { NewResponse, TurnContent } from '../../turns/turn-request.ts';
import { readDeliver } from '../deliver.ts';
import type { TalariaHeaders } from '../headers.ts';
import { markRepeated } from '../idempotency-key.ts';
import { lastText } from '../last-turn.ts';
import { type AdmitOptions, admissionOf } from '../request.ts';
import { type AnsweredBy, toQuery } from '../turn-query.ts';
import type { ResponseRequest } from './response-body.ts';
import { findOrigin, type ResponseOrigin } from './response-origin.ts';

export interface ResponseTurnOptions extends AdmitOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, 'follow'>;
  readonly stateless: StatelessTurns;
  readonly stored: StoredTurns;
  readonly limits: Limits;
  /** Whether an Agent of this name existed and is gone. */
  readonly isRetired: (name: string) => boolean;
  readonly clock: Clock;
}

/** A request for a response, read. */
export interface ParsedResponse {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly headers: TalariaHeaders;
  readonly body: ResponseRequest;
  readonly idempotency: Idempotency | undefined;
  readonly clientSignal: AbortSignal;
}

/** A response that may be completed, stored or not, or one that was before. */
export interface OpenResponse extends AnsweredBy {
  /** UUIDv7. */
  readonly id: string;
  /** Unix milliseconds; of one that was completed before. */
  readonly completedAt?: number | undefined;
  readonly complete: (following?: Following) => Promise<TurnResult>;
}

/**
 * Opens the response that is asked for. Throws TalariaError: what `findOrigin` and the turns throw, or the refusal of a
 * limit.
 */
export async function openResponse(options: ResponseTurnOptions, parsed: ParsedResponse): Promise<OpenResponse> {
  const { request, idempotency } = parsed;
  const { principal } = admissionOf(request);
  const first = await findRepeatedRun(options.database, principal, idempotency);
  if (first !== undefined) return await repeat(options, parsed, first);
  const origin = await originOf(options, parsed);
  return await beginWithinLimits(options.limits, principal, (acquire) => begin(options, parsed, origin, acquire));
}

/** What a request asks of the one agent, wherever it goes on from. */
export function originOf(
  { database, isRetired, clock }: ResponseTurnOptions,
  parsed: ParsedResponse,
): Promise<ResponseOrigin> {
  const { request, headers, body, idempotency } = parsed;
  const query = toQuery(request, {
    headers,
    model: body.model,
    text: lastText(body.input),
    receivedAt: clock.now(),
    isRetired,
    idempotencyKey: idempotency?.key,
  });
  return findOrigin(database, admissionOf(request).table, { query, body, sessionHeader: headers.sessionId });
}

/** What the turn of a response says, and where its result goes. Throws `deliver_forbidden`. */
export function turnContent({ request, body }: ParsedResponse): TurnContent {
  const { input, instructions, tools, parameters } = body;
  const deliver = readDeliver(admissionOf(request).principal, body.deliver);
  return { input: input.flatMap(toItems), instructions, tools, parameters, deliver };
}

/** A response of this request that is to be stored. */
export function newResponse(body: ResponseRequest): NewResponse {
  return { id: newId(), previous: previousOf(body), request: body.echoed };
}

/** UUID of the response that this one goes on from. */
export function previousOf({ previous }: Pick<ResponseRequest, 'previous'>): string | undefined {
  return previous === undefined ? undefined : fromWire('resp', previous);
}

async function begin(
  options: ResponseTurnOptions,
  parsed: ParsedResponse,
  origin: ResponseOrigin,
  acquire: AcquirePermit,
): Promise<OpenResponse> {
  const { body, idempotency, clientSignal } = parsed;
  const { table } = admissionOf(parsed.request);
  const { query, session, context } = origin;
  const content = turnContent(parsed);
  if (!body.store && idempotency === undefined && content.deliver?.length === 0) {
    const messages = toMessages(coherent([...context, ...content.input]));
    const turn = await options.stateless.begin({ ...content, table, query, messages, clientSignal, acquire });
    return { ...turn, id: newId() };
  }
  const response = body.store ? newResponse(body) : undefined;
  const asked = { ...content, table, query, session, idempotency, acquire, response };
  const turn = await options.stored.begin(body.store ? asked : { ...asked, context }, clientSignal);
  if (turn.kind === 'repeated') return await repeat(options, parsed, turn.run);
  const { resolution, run, session: where, complete } = turn;
  return { resolution, run, session: where, id: response?.id ?? run, complete };
}

/** The answer of the run that an earlier request with the same Idempotency-Key made. */
async function repeat(options: ResponseTurnOptions, parsed: ParsedResponse, id: string): Promise<OpenResponse> {
  const { request, reply, clientSignal } = parsed;
  const run = await awaitRepeated(options, admissionOf(request).principal, id, clientSignal);
  markRepeated(request, reply);
  const { agent: agentName, route, rule, session, output } = run;
  return {
    resolution: { agentName, route, rule },
    session,
    run: run.id,
    id: run.response ?? run.id,
    completedAt: run.finishedAt?.getTime(),
    complete: async ({ onEvent } = {}) => {
      const result = resultOf(run);
      for (const item of output) await onEvent?.({ type: 'item', item });
      return result;
    },
  };
}

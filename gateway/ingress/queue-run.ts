import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Database } from '../db/pool.ts';
import type { Limits } from '../limits/limits.ts';
import { findRepeatedRun, type Idempotency, readRepeated } from '../runs/idempotency.ts';
import { queuedRun, type StoredRun } from '../runs/read-run.ts';
import { submitWithinLimits } from '../turns/limited-turn.ts';
import type { StoredTurns } from '../turns/stored-turn.ts';
import type { TurnRequest } from '../turns/turn-request.ts';
import type { TalariaHeaders } from './headers.ts';
import { markRepeated } from './idempotency-key.ts';
import { admissionOf } from './request.ts';
import { describeTurn } from './turn-query.ts';

export interface QueueRunOptions {
  readonly database: Database;
  readonly stored: StoredTurns;
  readonly limits: Limits;
}

/** A request for a run in the background. */
export interface QueueRunRequest {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly headers: TalariaHeaders;
  readonly idempotency: Idempotency | undefined;
}

/** What its turn says. */
export type QueuedTurn = Omit<TurnRequest, 'table' | 'acquire' | 'idempotency'>;

/**
 * Queues a run within the limits of agent and key and gives it as it was accepted; a repeated request gets its run as it is
 * now, and `turnOf` is not asked. Tells the client which agent it is. Throws TalariaError: what `turnOf` and
 * StoredTurns.submit throw, the refusal of a limit, `idempotency_conflict`, or `run_not_found` when the first run was
 * deleted since.
 */
export async function queueRun(
  options: QueueRunOptions,
  asked: QueueRunRequest,
  turnOf: () => QueuedTurn | Promise<QueuedTurn>,
): Promise<StoredRun> {
  const { request, reply, headers, idempotency } = asked;
  const { table, principal } = admissionOf(request);
  const first = await findRepeatedRun(options.database, principal, idempotency);
  if (first !== undefined) return await repeated(options, asked, first);
  const turn = await turnOf();
  const queued = await submitWithinLimits(options.limits, principal, (acquire) =>
    options.stored.submit({ ...turn, table, idempotency, acquire }),
  );
  if (queued.kind === 'repeated') return await repeated(options, asked, queued.run);
  describeTurn(request, reply, queued, headers);
  const { resolution, session, run: id } = queued;
  // From memory: it is accepted, whatever the database does by now.
  return queuedRun({ id, resolution, session, response: turn.response?.id, input: turn.input });
}

async function repeated(
  { database }: QueueRunOptions,
  { request, reply, headers }: QueueRunRequest,
  id: string,
): Promise<StoredRun> {
  const run = await readRepeated(database, admissionOf(request).principal, id);
  markRepeated(request, reply);
  const { agent: agentName, route, rule, session } = run;
  describeTurn(request, reply, { resolution: { agentName, route, rule }, session, run: id }, headers);
  return run;
}

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../../core/lib/clock.ts';
import { TalariaError } from '../../../core/lib/errors.ts';
import { fromWire } from '../../../core/lib/id.ts';
import type { Hints } from '../../db/hints.ts';
import type { Database } from '../../db/pool.ts';
import type { Limits } from '../../limits/limits.ts';
import { decideApproval, listApprovals } from '../../runs/approvals.ts';
import { listRuns } from '../../runs/list-runs.ts';
import type { StoredRun } from '../../runs/read-run.ts';
import { requestStop } from '../../runs/request-stop.ts';
import { hasEnded } from '../../runs/run-status.ts';
import { toItems } from '../../sessions/items.ts';
import type { StoredTurns } from '../../turns/stored-turn.ts';
import type { SessionChoice } from '../../turns/turn-request.ts';
import { pageOf } from '../api-object.ts';
import { readBody } from '../body.ts';
import { readDeliver } from '../deliver.ts';
import { readIdempotencyKey } from '../idempotency-key.ts';
import { lastText, lastTurn } from '../last-turn.ts';
import { type QueuedTurn, type QueueRunRequest, queueRun } from '../queue-run.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';
import { readTurnHeaders, toQuery } from '../turn-query.ts';
import { findRun, runNotFound } from './find-run.ts';
import { approvalBodySchema, type RunRequest, readRunBody, runListSchema } from './run-body.ts';
import { runObject } from './run-object.ts';

export interface RunsOptions extends AdmitOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, 'tell'>;
  readonly stored: StoredTurns;
  readonly limits: Limits;
  readonly isRetired: (name: string) => boolean;
  readonly clock: Clock;
}

type OneRun = { Params: { id: string } };

/** `/v1/runs`: turns that run in the background, on whichever replica is free: create, read, list, stop, approve. */
export function addRuns(app: FastifyInstance, options: RunsOptions): void {
  const { database, hints } = options;
  const onRequest = admitBy(options);
  app.post('/v1/runs', { onRequest }, (request, reply) => createRun(options, request, reply));
  app.get('/v1/runs', { onRequest }, (request) => listOf(options, request));
  app.get<OneRun>('/v1/runs/:id', { onRequest }, async (request) => {
    const run = await findRun(database, admissionOf(request).principal, request.params.id);
    return await describe(database, run);
  });
  app.post<OneRun>('/v1/runs/:id/stop', { onRequest }, async (request, reply) => {
    const { principal } = admissionOf(request);
    const { id } = await findRun(database, principal, request.params.id);
    await requestStop(database, hints, { run: id }, principal);
    const run = await findRun(database, principal, request.params.id);
    return reply.code(hasEnded(run) ? 200 : 202).send(await describe(database, run));
  });
  app.post<OneRun>('/v1/runs/:id/approval', { onRequest }, async (request) => {
    const { principal } = admissionOf(request);
    const { decision, call_id: callId } = readBody(approvalBodySchema, request.body);
    const { id } = await findRun(database, principal, request.params.id);
    const asked = {
      run: id,
      callId: callId ?? (await onlyWaiting(database, principal, request.params.id)),
      decision: decided[decision],
    };
    const call = await decideApproval({ database, hints }, principal, asked);
    if (call === undefined) throw nothingWaits(asked.callId);
    return { run_id: request.params.id, call_id: call, decision };
  });
}

const decided = { approve: 'approved', deny: 'denied' } as const;

async function createRun(options: RunsOptions, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const headers = readTurnHeaders(request);
  const idempotency = readIdempotencyKey(request);
  const body = readRunBody(request.body);
  const asked = { request, reply, headers, idempotency };
  const run = await queueRun(options, asked, () => turnOf(options, asked, body));
  return reply.code(202).send(await describe(options.database, run));
}

function turnOf(
  { clock, isRetired }: RunsOptions,
  { request, headers, idempotency }: QueueRunRequest,
  body: RunRequest,
): QueuedTurn {
  const deliver = readDeliver(admissionOf(request).principal, body.deliver);
  const inSession = headers.sessionId !== '';
  const messages = inSession ? lastTurn(body.messages) : body.messages;
  const { model, instructions, tools, parameters } = body;
  const query = toQuery(request, {
    headers,
    model,
    text: lastText(messages),
    receivedAt: clock.now(),
    isRetired,
    idempotencyKey: idempotency?.key,
  });
  const session: SessionChoice = inSession ? { kind: 'header', value: headers.sessionId } : { kind: 'none' };
  return { query, session, input: messages.flatMap(toItems), instructions, tools, parameters, deliver };
}

async function listOf({ database }: RunsOptions, request: FastifyRequest): Promise<object> {
  const { limit, after, agent, status, session_id: session } = readBody(runListSchema, request.query);
  const { runs, hasMore } = await listRuns(database, admissionOf(request).principal, {
    limit,
    agent,
    status,
    session: session === undefined ? undefined : idOf('ses', session, 'session_id'),
    after: after === undefined ? undefined : idOf('run', after, 'after'),
  });
  return pageOf(
    runs.map((run) => runObject(run)),
    hasMore,
  );
}

async function describe(database: Database, run: StoredRun): Promise<object> {
  const waits = run.status === 'waiting_for_approval';
  return runObject(run, waits ? await listApprovals(database, run.id, run.agent) : []);
}

/** The call that waits, when one alone does; more must be told apart by their id. */
async function onlyWaiting(
  database: Database,
  principal: Parameters<typeof findRun>[1],
  wireId: string,
): Promise<string | undefined> {
  const run = await findRun(database, principal, wireId);
  const waiting = (await listApprovals(database, run.id, run.agent)).filter(({ status }) => status === 'pending');
  if (waiting.length <= 1) return waiting[0]?.callId;
  const ids = waiting.map(({ callId }) => JSON.stringify(callId.slice(0, 100))).join(', ');
  throw new TalariaError('invalid_request', `Several calls of the run wait: ${ids}. Name one with call_id.`, {
    param: 'call_id',
  });
}

function idOf(prefix: 'run' | 'ses', wireId: string, param: string): string {
  const id = fromWire(prefix, wireId);
  if (id !== undefined) return id;
  if (prefix === 'run') throw runNotFound();
  const message = `${param}: ${JSON.stringify(wireId)} is no id of a session. Give one of GET /v1/sessions, ses_ and 32 hex digits.`;
  throw new TalariaError('invalid_request', message, { param });
}

function nothingWaits(callId: string | undefined): TalariaError {
  const what = callId === undefined ? 'No call' : `No call ${JSON.stringify(callId.slice(0, 100))}`;
  return new TalariaError(
    'approval_not_pending',
    `${what} of this run waits for an approval: it was decided, or its time is over. GET the run to see its state.`,
  );
}

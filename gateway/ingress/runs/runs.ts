import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../../core/lib/clock.ts';
import { TalariaError } from '../../../core/lib/errors.ts';
import { fromWire, madeAt, toWire } from '../../../core/lib/id.ts';
import { textOf } from '../../agent/models/port.ts';
import type { Hints } from '../../db/hints.ts';
import type { Database } from '../../db/pool.ts';
import type { Limits } from '../../limits/limits.ts';
import { decideApproval, listApprovals } from '../../runs/approvals.ts';
import { findRepeated } from '../../runs/idempotency.ts';
import { listRuns } from '../../runs/list-runs.ts';
import { hasEnded, type StoredRun } from '../../runs/read-run.ts';
import { requestStop } from '../../runs/request-stop.ts';
import { toItems } from '../../sessions/items.ts';
import { submitWithinLimits } from '../../turns/limited-turn.ts';
import type { StoredTurns } from '../../turns/stored-turn.ts';
import { readBody } from '../body.ts';
import { readDeliver } from '../deliver.ts';
import { markRepeated, readIdempotencyKey } from '../idempotency-key.ts';
import { lastTurn } from '../last-turn.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';
import { describeTurn, readTurnHeaders, toQuery } from '../turn-query.ts';
import { findRun, runNotFound } from './find-run.ts';
import { approvalBodySchema, readRunBody, runListSchema } from './run-body.ts';
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
  app.get('/v1/runs', { onRequest }, (request) => listPage(options, request));
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
    if (call === undefined) throw nothingWaits();
    return { run_id: request.params.id, call_id: call, decision };
  });
}

const decided = { approve: 'approved', deny: 'denied' } as const;

async function createRun(options: RunsOptions, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { database, stored, limits } = options;
  const { table, principal } = admissionOf(request);
  const headers = readTurnHeaders(request);
  const idempotency = readIdempotencyKey(request);
  const body = readRunBody(request.body);
  if (idempotency !== undefined) {
    const repeated = await findRepeated(database, principal, idempotency);
    if (repeated?.run !== undefined) return await answerRepeated(options, request, reply, repeated.run);
  }
  const deliver = readDeliver(principal, body.deliver);
  const inSession = headers.sessionId !== '';
  const messages = inSession ? lastTurn(body.messages) : body.messages;
  const last = messages.findLast((message) => message.role === 'user');
  const query = toQuery(request, {
    headers,
    model: body.model,
    text: last ? textOf(last) : '',
    receivedAt: options.clock.now(),
    isRetired: options.isRetired,
    idempotencyKey: idempotency?.key,
  });
  const input = messages.flatMap(toItems);
  const submitted = await submitWithinLimits(limits, principal, (admit) =>
    stored.submit({
      table,
      query,
      session: inSession ? { kind: 'header', value: headers.sessionId } : { kind: 'none' },
      input,
      instructions: body.instructions,
      tools: body.tools,
      parameters: body.parameters,
      deliver,
      idempotency,
      admit,
    }),
  );
  if (submitted.kind === 'repeated') return await answerRepeated(options, request, reply, submitted.run);
  describeTurn(request, reply, submitted, headers);
  // From memory: it is accepted, whatever the database does by now.
  const { agentName: agent, route = '', rule = '' } = submitted.resolution;
  const run: StoredRun = {
    ...{ id: submitted.run, agent, route, rule, session: submitted.session || undefined, response: undefined },
    ...{ status: 'queued', attempt: 0, input, output: [], createdAt: new Date(madeAt(submitted.run)) },
    ...{ finishReason: undefined, usage: undefined, model: undefined, cost: undefined, error: undefined },
    ...{ startedAt: undefined, finishedAt: undefined },
  };
  return reply.code(202).send(runObject(run));
}

async function answerRepeated(
  { database }: RunsOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  id: string,
): Promise<FastifyReply> {
  const run = await findRun(database, admissionOf(request).principal, toWire('run', id));
  markRepeated(request, reply);
  return reply.code(202).send(await describe(database, run));
}

async function listPage({ database }: RunsOptions, request: FastifyRequest): Promise<object> {
  const { limit, after, agent, status, session_id: session } = readBody(runListSchema, request.query);
  const { runs, hasMore } = await listRuns(database, admissionOf(request).principal, {
    limit,
    agent,
    status,
    session: session === undefined ? undefined : idOf('ses', session, 'session_id'),
    after: after === undefined ? undefined : idOf('run', after, 'after'),
  });
  const data = runs.map((run) => runObject(run));
  const [first, last] = [runs[0], runs.at(-1)].map((run) => (run === undefined ? null : toWire('run', run.id)));
  return { object: 'list', data, first_id: first, last_id: last, has_more: hasMore };
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
  throw new TalariaError('invalid_request', 'Several calls of the run wait. Name one with call_id.', {
    param: 'call_id',
  });
}

function idOf(prefix: 'run' | 'ses', wireId: string, param: string): string {
  const id = fromWire(prefix, wireId);
  if (id !== undefined) return id;
  if (prefix === 'run') throw runNotFound();
  throw new TalariaError('invalid_request', `${param} is no id of a session.`, { param });
}

function nothingWaits(): TalariaError {
  return new TalariaError(
    'approval_not_pending',
    'No such call of this run waits for an approval: it was decided, or its time is over. GET the run to see its state.',
  );
}

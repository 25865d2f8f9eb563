import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../../core/lib/clock.ts';
import { TalariaError } from '../../../core/lib/errors.ts';
import type { Database } from '../../db/pool.ts';
import { findRepeated, type Idempotency } from '../../runs/idempotency.ts';
import { deleteSession, renameSession } from '../../sessions/change-session.ts';
import { createSession, forkSession, type MadeSession } from '../../sessions/make-session.ts';
import { listSessions, readSession, type StoredSession } from '../../sessions/read-session.ts';
import { sessionNotFound } from '../../sessions/refusals.ts';
import { resolveSticky } from '../../sessions/sticky.ts';
import { refusedAsError } from '../../turns/refused.ts';
import { pageOf } from '../api-object.ts';
import { readBody } from '../body.ts';
import { markRepeated, readIdempotencyKey } from '../idempotency-key.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';
import { describeTurn, readTurnHeaders, toQuery } from '../turn-query.ts';
import {
  createBodySchema,
  forkBodySchema,
  listQuerySchema,
  renameBodySchema,
  sessionBody,
  sessionIdOf,
} from './session-body.ts';

export interface SessionsOptions extends AdmitOptions {
  readonly database: Database;
  /** Whether an Agent of this name existed and is gone. */
  readonly isRetired: (name: string) => boolean;
  readonly clock: Clock;
}

/** A request for one session. */
export interface OfSession {
  readonly Params: { readonly id: string };
}

/** `/v1/sessions` and `/v1/sessions/{id}`: this principal's sessions, of the agents that it may call. */
export function addSessions(app: FastifyInstance, options: SessionsOptions): void {
  const { database } = options;
  const onRequest = admitBy(options);
  app.get('/v1/sessions', { onRequest }, (request) => list(database, request));
  app.post('/v1/sessions', { onRequest }, (request, reply) => create(options, request, reply));
  app.get<OfSession>('/v1/sessions/:id', { onRequest }, async (request) =>
    sessionBody(await sessionOf(database, request)),
  );
  app.patch<OfSession>('/v1/sessions/:id', { onRequest }, async (request) => {
    const { name, title } = readBody(renameBodySchema, request.body);
    const fields = { name: name === null ? '' : name, title };
    const id = sessionIdOf(request.params);
    return sessionBody(await renameSession(database, admissionOf(request).principal, id, fields));
  });
  app.delete<OfSession>('/v1/sessions/:id', { onRequest }, async (request) => {
    await deleteSession(database, admissionOf(request).principal, sessionIdOf(request.params));
    return { id: request.params.id, object: 'session.deleted', deleted: true };
  });
  app.post<OfSession>('/v1/sessions/:id/fork', { onRequest }, (request, reply) => {
    const { up_to: item, name, title } = readBody(forkBodySchema, request.body);
    const from = { session: sessionIdOf(request.params), item: item ?? undefined };
    const fields = { name: name ?? undefined, title: title ?? undefined };
    return make(database, request, reply, (idempotency) =>
      forkSession(database, admissionOf(request).principal, from, fields, idempotency),
    );
  });
}

/** The session that the path names. Throws `session_not_found`. */
export async function sessionOf(database: Database, request: FastifyRequest<OfSession>): Promise<StoredSession> {
  const session = await readSession(database, admissionOf(request).principal, sessionIdOf(request.params));
  if (session === undefined) throw sessionNotFound();
  Object.assign(request.facts, { agent: session.agent, session: request.params.id });
  return session;
}

async function list(database: Database, request: FastifyRequest): Promise<object> {
  const { limit, after, ...filter } = readBody(listQuerySchema, request.query);
  const page = { limit: limit + 1, after: after === undefined ? undefined : sessionIdOf({ id: after }) };
  const sessions = await listSessions(database, admissionOf(request).principal, filter, page);
  return pageOf(sessions.slice(0, limit).map(sessionBody), sessions.length > limit);
}

async function create(options: SessionsOptions, request: FastifyRequest, reply: FastifyReply): Promise<object> {
  const { name, title, model } = readBody(createBodySchema, request.body);
  const headers = readTurnHeaders(request);
  if (headers.sessionId !== '') throw nameElsewhere();
  return await make(options.database, request, reply, async (idempotency) => {
    const { database, clock, isRetired } = options;
    const query = toQuery(request, {
      headers,
      model: model ?? '',
      text: '',
      receivedAt: clock.now(),
      isRetired,
      idempotencyKey: idempotency?.key,
    });
    const { routes } = admissionOf(request).table;
    const resolution = refusedAsError(await resolveSticky(database, routes, query));
    const fields = { name: name ?? undefined, title: title ?? undefined };
    const session = await createSession(database, query, resolution, fields, idempotency);
    if (session.kind === 'made') describeTurn(request, reply, { resolution, session: session.session.id }, headers);
    return session;
  });
}

/** Makes a session once for each Idempotency-Key, and answers with it. */
async function make(
  database: Database,
  request: FastifyRequest,
  reply: FastifyReply,
  makeOne: (idempotency: Idempotency | undefined) => Promise<MadeSession>,
): Promise<object> {
  const { principal } = admissionOf(request);
  const idempotency = readIdempotencyKey(request);
  const before = idempotency && (await findRepeated(database, principal, idempotency));
  const made = before?.session ? ({ kind: 'repeated', session: before.session } as const) : await makeOne(idempotency);
  const session = made.kind === 'made' ? made.session : await readSession(database, principal, made.session);
  if (session === undefined) throw sessionNotFound();
  if (made.kind === 'repeated') markRepeated(request, reply);
  reply.code(201);
  return sessionBody(session);
}

function nameElsewhere(): TalariaError {
  return new TalariaError('invalid_header', 'A session that is made has its name in the body. Leave the header out.', {
    param: 'x-talaria-session-id',
  });
}

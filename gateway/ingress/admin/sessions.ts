import type { FastifyInstance, FastifyRequest } from 'fastify';
import { TalariaError } from '../../../core/lib/errors.ts';
import { fromWire } from '../../../core/lib/id.ts';
import type { Database } from '../../db/pool.ts';
import {
  type AdminSession,
  deleteAdminSession,
  listAdminSessions,
  readAdminSession,
} from '../../sessions/admin-sessions.ts';
import { type Page, pageOf } from '../api-object.ts';
import { readBody } from '../body.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';
import { addItemsOf } from '../sessions/session-items.ts';
import { type AdminSessionObject, adminSessionListSchema, adminSessionObject } from './session-object.ts';
import { idInQuery } from './shapes.ts';

export interface AdminSessionsOptions extends AdmitOptions {
  readonly database: Database;
}

type OneSession = { Params: { id: string } };

/**
 * `/admin/v1/sessions`: the sessions of all platforms and principals, of the agents that the key may call: list, read, with
 * what was said in them, export, delete.
 */
export function addAdminSessions(app: FastifyInstance, options: AdminSessionsOptions): void {
  const { database } = options;
  const onRequest = admitBy(options, 'admin');
  const find = (request: FastifyRequest<OneSession>) => findSession(database, request);
  app.get('/admin/v1/sessions', { onRequest }, (request) => listPage(database, request));
  app.get<OneSession>('/admin/v1/sessions/:id', { onRequest }, async (request) => {
    return adminSessionObject(await find(request));
  });
  app.delete<OneSession>('/admin/v1/sessions/:id', { onRequest }, async (request) => {
    await deleteAdminSession(database, admissionOf(request).principal, idOf(request.params.id));
    return { id: request.params.id, object: 'session.deleted', deleted: true };
  });
  addItemsOf(app, database, { path: '/admin/v1/sessions', onRequest, find, describe: adminSessionObject });
}

async function listPage(database: Database, request: FastifyRequest): Promise<Page<AdminSessionObject>> {
  const { after, ...filter } = readBody(adminSessionListSchema, request.query);
  const { sessions, hasMore } = await listAdminSessions(database, admissionOf(request).principal, {
    ...filter,
    after: idInQuery('ses', after, 'after'),
  });
  return pageOf(sessions.map(adminSessionObject), hasMore);
}

async function findSession(database: Database, request: FastifyRequest<OneSession>): Promise<AdminSession> {
  const { principal } = admissionOf(request);
  const session = await readAdminSession(database, principal, idOf(request.params.id));
  if (session === undefined) throw notFound();
  return session;
}

function idOf(wireId: string): string {
  const id = fromWire('ses', wireId);
  if (id === undefined) throw notFound();
  return id;
}

function notFound(): TalariaError {
  return new TalariaError('session_not_found', 'No such session. List them with GET /admin/v1/sessions.');
}

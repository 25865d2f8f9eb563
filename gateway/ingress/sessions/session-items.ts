import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest, preHandlerHookHandler } from 'fastify';
import { toWire } from '../../../core/lib/id.ts';
import type { Database } from '../../db/pool.ts';
import { readItems, type StoredItem, seqOfItem } from '../../sessions/read-items.ts';
import type { StoredSession } from '../../sessions/read-session.ts';
import { pageOf, unixSeconds } from '../api-object.ts';
import { readBody } from '../body.ts';
import { admitBy } from '../request.ts';
import { itemsQuerySchema, sessionBody } from './session-body.ts';
import { type OfSession, type SessionsOptions, sessionOf } from './sessions.ts';

/** `GET /v1/sessions/{id}/items` and `.../export`, of this principal's sessions. */
export function addSessionItems(app: FastifyInstance, options: SessionsOptions): void {
  addItemsOf(app, options.database, {
    path: '/v1/sessions',
    onRequest: admitBy(options),
    find: (request) => sessionOf(options.database, request),
    describe: sessionBody,
  });
}

/** Where sessions are found, by whom, and how one is shown. */
interface ItemsOptions<S extends StoredSession> {
  readonly path: string;
  readonly onRequest: preHandlerHookHandler;
  /** Throws `session_not_found`. */
  readonly find: (request: FastifyRequest<OfSession>) => Promise<S>;
  readonly describe: (session: S) => object;
}

/**
 * `GET <path>/{id}/items`, a page at a time, and `.../export`, everything: JSON lines, the session first and then each of
 * its items in order, read as fast as the client takes them.
 */
export function addItemsOf<S extends StoredSession>(
  app: FastifyInstance,
  database: Database,
  { path, onRequest, find, describe }: ItemsOptions<S>,
): void {
  app.get<OfSession>(`${path}/:id/items`, { onRequest }, async (request) => {
    const { limit, after, order } = readBody(itemsQuerySchema, request.query);
    const session = await find(request);
    const seq = after === undefined ? undefined : await seqOfItem(database, session, after, 'after');
    const { items, more } = await readItems(database, session, { limit, order, after: seq });
    return pageOf(items.map(itemBody), more);
  });
  app.get<OfSession>(`${path}/:id/export`, { onRequest }, async (request, reply) => {
    const session = await find(request);
    reply.header('content-type', 'application/x-ndjson; charset=utf-8');
    reply.header('content-disposition', `attachment; filename="${request.params.id}.jsonl"`);
    const lines = exportLines(database, session, describe(session));
    return reply.send(Readable.from(lines, { objectMode: false, highWaterMark: 65_536 }));
  });
}

function itemBody({ data, run, createdAt }: StoredItem): Readonly<Record<string, unknown>> {
  return { ...data, run_id: toWire('run', run), created_at: unixSeconds(createdAt) };
}

const exportPage = 200;

/** The lines in chunks of one page each; the next page is read when the one before was taken. */
async function* exportLines(database: Database, session: StoredSession, head: object): AsyncGenerator<string> {
  yield `${JSON.stringify(head)}\n`;
  let after: string | undefined;
  for (let left = true; left; ) {
    const { items, more } = await readItems(database, session, { order: 'asc', limit: exportPage, after });
    after = items.at(-1)?.seq ?? after;
    left = more && items.length > 0;
    if (items.length > 0) yield items.map((item) => `${JSON.stringify(itemBody(item))}\n`).join('');
  }
}

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { TalariaError } from '../../../core/lib/errors.ts';
import { fromWire, madeAt } from '../../../core/lib/id.ts';
import type { Database } from '../../db/pool.ts';
import { deleteResponse, readResponse, type StoredResponse } from '../../responses/stored-response.ts';
import type { Item } from '../../sessions/items.ts';
import { pageOf } from '../api-object.ts';
import { asksNothing, readBody } from '../body.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';
import type { EchoedFields } from './response-echo.ts';
import { itemObject, responseObject, stateOfRun } from './response-object.ts';

export interface StoredResponsesOptions extends AdmitOptions {
  readonly database: Database;
}

/**
 * `GET` and `DELETE /v1/responses/{id}` and `GET /v1/responses/{id}/input_items`, for the principal that made the response
 * and while it may call the response's agent; everything else is `response_not_found`.
 */
export function addStoredResponses(app: FastifyInstance, options: StoredResponsesOptions): void {
  const { database } = options;
  const onRequest = admitBy(options);
  app.get<OfResponse>('/v1/responses/:id', { onRequest }, async (request) => {
    readBody(responseQuerySchema, request.query);
    return toObject(await responseOf(database, request));
  });
  app.delete<OfResponse>('/v1/responses/:id', { onRequest }, async (request) => {
    const { id } = request.params;
    const uuid = fromWire('resp', id);
    const { principal } = admissionOf(request);
    if (uuid === undefined || !(await deleteResponse(database, principal, uuid))) throw notFound(id);
    return { id, object: 'response', deleted: true };
  });
  app.get<OfResponse>('/v1/responses/:id/input_items', { onRequest }, async (request) => {
    const page = readBody(itemsQuerySchema, request.query);
    const { run } = await responseOf(database, request);
    return listOf(run.input, page);
  });
}

/** The query of `GET /v1/responses/{id}`. */
export const responseQuerySchema = z.strictObject({
  stream: asksNothing(['false', '']),
  include_obfuscation: z.string().optional(),
  ...withoutInclude(),
});

/** The query of `GET /v1/responses/{id}/input_items`. */
export const itemsQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().optional().describe('Id of the last item of the page before.'),
  ...withoutInclude(),
});

interface OfResponse {
  readonly Params: { readonly id: string };
}

function withoutInclude() {
  return { include: asksNothing(['']), 'include[]': asksNothing(['']) };
}

async function responseOf(database: Database, request: FastifyRequest<OfResponse>): Promise<StoredResponse> {
  const { id } = request.params;
  const uuid = fromWire('resp', id);
  const found = uuid === undefined ? undefined : await readResponse(database, admissionOf(request).principal, uuid);
  if (found === undefined) throw notFound(id);
  Object.assign(request.facts, { agent: found.run.agent, response: id });
  return found;
}

function toObject({ id, previous, request, run }: StoredResponse): object {
  const { agent, session } = run;
  const echoed = request as EchoedFields;
  return responseObject({ id, createdAt: madeAt(id), agent, previous, session, echoed }, stateOfRun(run));
}

function listOf(items: readonly Item[], { limit, order, after }: z.output<typeof itemsQuerySchema>): object {
  const ordered = order === 'asc' ? items : items.toReversed();
  const start = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && start === 0) {
    const message = `after: the response has no input item ${after.slice(0, 100)}. Give the id of the last one of a page.`;
    throw new TalariaError('invalid_request', message, { param: 'after' });
  }
  const page = ordered.slice(start, start + limit);
  return pageOf(page.map(itemObject), start + limit < ordered.length);
}

function notFound(id: string): TalariaError {
  return new TalariaError(
    'response_not_found',
    `There is no response ${id.slice(0, 100)} for this key. Only a stored one can be read, by the key that made it.`,
  );
}

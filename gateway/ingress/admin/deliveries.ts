import type { FastifyInstance, FastifyRequest } from 'fastify';
import { TalariaError } from '../../../core/lib/errors.ts';
import { fromWire } from '../../../core/lib/id.ts';
import type { Hints } from '../../db/hints.ts';
import type { Database } from '../../db/pool.ts';
import { discardDelivery, type Managed, retryDelivery } from '../../delivery/manage.ts';
import { listDeliveries, readDelivery } from '../../delivery/read-deliveries.ts';
import { type Page, pageOf } from '../api-object.ts';
import { readBody } from '../body.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';
import { type DeliveryDetail, deliveryListSchema, deliveryObject } from './delivery-object.ts';
import { idInQuery } from './shapes.ts';

export interface AdminDeliveriesOptions extends AdmitOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, 'tell'>;
}

type OneDelivery = { Params: { id: string } };

/** `/admin/v1/deliveries`: what runs of the agents that the key may call deliver: list, read, retry, discard. */
export function addAdminDeliveries(app: FastifyInstance, options: AdminDeliveriesOptions): void {
  const { database, hints } = options;
  const onRequest = admitBy(options, 'admin');
  app.get('/admin/v1/deliveries', { onRequest }, (request) => listPage(database, request));
  app.get<OneDelivery>('/admin/v1/deliveries/:id', { onRequest }, (request) => {
    return describe(database, request, idOf(request.params.id));
  });
  app.post<OneDelivery>('/admin/v1/deliveries/:id/retry', { onRequest }, async (request) => {
    const id = idOf(request.params.id);
    refuseUnlessDone(await retryDelivery(database, hints, admissionOf(request).principal, id), 'be sent again');
    return await describe(database, request, id);
  });
  app.post<OneDelivery>('/admin/v1/deliveries/:id/discard', { onRequest }, async (request) => {
    const id = idOf(request.params.id);
    const { principal } = admissionOf(request);
    refuseUnlessDone(await discardDelivery(database, hints, principal, id, principal.id), 'be discarded');
    return await describe(database, request, id);
  });
}

async function listPage(database: Database, request: FastifyRequest): Promise<Page<object>> {
  const { after, run, ...filter } = readBody(deliveryListSchema, request.query);
  const { deliveries, hasMore } = await listDeliveries(database, admissionOf(request).principal, {
    ...filter,
    after: idInQuery('dlv', after, 'after'),
    run: idInQuery('run', run, 'run'),
  });
  return pageOf(deliveries.map(deliveryObject), hasMore);
}

async function describe(database: Database, request: FastifyRequest, id: string): Promise<DeliveryDetail> {
  const delivery = await readDelivery(database, admissionOf(request).principal, id);
  if (delivery === undefined) throw notFound();
  return { ...deliveryObject(delivery), text: delivery.text };
}

function idOf(wireId: string): string {
  const id = fromWire('dlv', wireId);
  if (id === undefined) throw notFound();
  return id;
}

function refuseUnlessDone(managed: Managed, what: string): void {
  if (managed.kind === 'missing') throw notFound();
  if (managed.kind === 'refused') {
    throw new TalariaError('delivery_settled', `A delivery that is ${managed.status} cannot ${what}.`);
  }
}

function notFound(): TalariaError {
  return new TalariaError('delivery_not_found', 'No such delivery. List them with GET /admin/v1/deliveries.');
}

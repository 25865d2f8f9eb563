import type { FastifyInstance } from 'fastify';
import type { TableHolder } from '../config/table.ts';
import type { Metrics } from '../metrics.ts';

export interface HealthOptions {
  readonly tables: TableHolder;
  readonly isDraining: () => boolean;
  readonly isStateAvailable: () => boolean;
  readonly metrics: Metrics;
}

/**
 * `/healthz`: the process answers. `/readyz`: it has a snapshot and is not about to end; a database that is away degrades
 * and does not unready. `/metrics`: Prometheus text.
 */
export function addHealth(app: FastifyInstance, options: HealthOptions): void {
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', (_request, reply) => {
    const table = options.tables.current();
    const status = options.isDraining() ? 'draining' : table === undefined ? 'no snapshot yet' : 'ready';
    const state = options.isStateAvailable() ? 'available' : 'unavailable';
    return reply.code(status === 'ready' ? 200 : 503).send({ status, revision: table?.revision ?? null, state });
  });
  app.get('/metrics', async (_request, reply) => {
    return reply.type(options.metrics.registry.contentType).send(await options.metrics.registry.metrics());
  });
}

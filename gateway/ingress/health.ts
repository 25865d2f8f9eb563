import type { FastifyInstance } from 'fastify';
import type { TableHolder } from '../config/table.ts';
import type { Metrics } from '../metrics.ts';

export interface HealthOptions {
  readonly tables: TableHolder;
  readonly isDraining: () => boolean;
  /** Whether the gateway has found out if it can store turns. */
  readonly isSettled: () => boolean;
  readonly isStateAvailable: () => boolean;
  readonly metrics: Metrics;
}

/**
 * `/healthz`: the process answers. `/readyz`: it has a snapshot, has looked for its database and is not about to end; a
 * database that is away degrades and does not unready. `/metrics`: Prometheus text.
 */
export function addHealth(app: FastifyInstance, options: HealthOptions): void {
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', (_request, reply) => {
    const status = readiness(options);
    const revision = options.tables.current()?.revision ?? null;
    const state = options.isStateAvailable() ? 'available' : 'unavailable';
    return reply.code(status === 'ready' ? 200 : 503).send({ status, revision, state });
  });
  app.get('/metrics', async (_request, reply) => {
    return reply.type(options.metrics.registry.contentType).send(await options.metrics.registry.metrics());
  });
}

function readiness({ tables, isDraining, isSettled }: HealthOptions): string {
  if (isDraining()) return 'draining';
  if (tables.current() === undefined) return 'no snapshot yet';
  return isSettled() ? 'ready' : 'looking for the database';
}

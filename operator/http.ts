import { createServer, type Server } from 'node:http';
import { promisify } from 'node:util';
import type { Registry } from 'prom-client';

/** Serves /healthz, /readyz and /metrics for probes and Prometheus, and nothing else. */
export interface ProbeServer {
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface ProbeServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** undefined when ready, else what is missing. */
  readonly unready: () => string | undefined;
  readonly registry: Registry;
}

const requestTimeoutMs = 5_000;

export function createProbeServer({ listen, unready, registry }: ProbeServerOptions): ProbeServer {
  const answer = async (path: string): Promise<Answer> => {
    if (path === '/healthz') return text(200, 'ok');
    if (path === '/metrics') return { status: 200, type: registry.contentType, body: await registry.metrics() };
    if (path !== '/readyz') return text(404, 'not found: /healthz, /readyz and /metrics are here');
    const missing = unready();
    return missing === undefined ? text(200, 'ok') : text(503, missing);
  };

  const server: Server = createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    answer(request.method === 'GET' || request.method === 'HEAD' ? path : '')
      .catch((error: unknown): Answer => text(500, error instanceof Error ? error.message : String(error)))
      .then(({ status, type, body }) => {
        response.writeHead(status, { 'content-type': type }).end(request.method === 'HEAD' ? undefined : body);
      });
  });

  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(listen.port, listen.host, resolve);
      }),
    stop: async () => {
      server.closeAllConnections();
      await promisify(server.close.bind(server))().catch(() => undefined);
    },
  };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}

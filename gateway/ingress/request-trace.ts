import type { FastifyRequest } from 'fastify';
import { parseTraceparent } from '../tracing/trace-context.ts';
import type { Span, Tracing } from '../tracing/tracing.ts';

/** The spans of one request: the whole of it, and within it `admit`, up to where an agent was found and may begin. */
export interface RequestTrace {
  readonly span: Span;
  /** Ends `admit`. */
  readonly admitted: (agent: string) => void;
  /** The answer is out, or the client is gone (499). `code` is the error code, '' for none. */
  readonly ended: (status: number, code: string) => void;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined where nothing is traced. */
    trace: RequestTrace | undefined;
  }
}

/**
 * Begins the spans of a request for the API, inside the caller's where it sends a `traceparent`; undefined for probes,
 * metrics and paths that are none.
 */
export function traceRequest(tracing: Tracing, request: FastifyRequest): RequestTrace | undefined {
  const route = request.routeOptions.url ?? '';
  if (!/^\/(v1|admin|platforms)\//.test(route)) return undefined;
  const caller = parseTraceparent(request.headers.traceparent);
  const attributes = {
    'http.request.method': request.method,
    'http.route': route,
    'url.scheme': 'http',
    'talaria.request.id': request.id,
  };
  const start = { name: `${request.method} ${route}`, kind: 'server', attributes } as const;
  const span = caller === undefined ? tracing.begin(start) : tracing.continue(caller, start);
  const admit = span.child({ name: 'admit', kind: 'internal' });
  return {
    span,
    admitted: (agent) => {
      admit.set({ 'gen_ai.agent.name': agent });
      admit.end();
    },
    ended: (status, code) => {
      const { agent, sessionId, runId } = request.facts;
      admit.end(code || undefined);
      span.set({
        'http.response.status_code': status,
        'gen_ai.agent.name': textOf(agent),
        'gen_ai.conversation.id': textOf(sessionId),
        'talaria.run.id': textOf(runId),
        'talaria.error.code': code || undefined,
      });
      span.end(status >= 499 ? code || String(status) : undefined);
    },
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

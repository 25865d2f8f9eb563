import type { AddressInfo } from 'node:net';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { Gauge } from 'prom-client';
import { audit } from '../core/lib/audit.ts';
import { TalariaError } from '../core/lib/errors.ts';
import { newHexId } from '../core/lib/id.ts';
import type { Logger } from '../core/lib/log.ts';
import { refuseForeign } from './admit/origin.ts';
import { withSpan } from './agent/bound-profile.ts';
import { corsHeaders, preflightHeaders } from './ingress/cors.ts';
import { type ErrorAnswer, errorAnswer, rawErrorResponse } from './ingress/errors.ts';
import { breakWhenStalled } from './ingress/event-stream.ts';
import { createMethodTable } from './ingress/methods.ts';
import { refuseAmbiguous, refuseEncoded } from './ingress/plain-request.ts';
import { traceRequest } from './ingress/request-trace.ts';
import { parseStrictJson } from './ingress/strict-json.ts';
import type { Metrics } from './metrics.ts';
import type { Tracing } from './tracing/tracing.ts';

export interface ServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Answers its own machine without a key, and so refuses a foreign `Origin` or `Host`. */
  readonly standalone: boolean;
  readonly corsOrigins: readonly string[];
  readonly maxOpenRequests: number;
  /** How long a request may take to arrive whole; default 60 s. */
  readonly requestTimeoutMs?: number | undefined;
  readonly metrics: Metrics;
  readonly tracing?: Tracing | undefined;
  readonly log: Logger;
  /** Adds the routes; all of them are static. */
  readonly routes: (app: FastifyInstance) => void;
}

export interface Server {
  /** Listens; gives the address, such as `http://127.0.0.1:8642`. Rejects when the port is taken. */
  readonly start: () => Promise<string>;
  /** How many requests are in progress. */
  readonly openRequests: () => number;
  /** Takes no new connection and waits for what runs, at most `budgetMs`; then breaks what is left. */
  readonly stop: (budgetMs: number) => Promise<void>;
}

const maxBodyBytes = 10 * 1024 * 1024;
const defaultRequestTimeoutMs = 60_000;

/** The HTTP server: every answer that is not a handler's own, 404 and malformed requests included, has the error shape. */
export function createServer(options: ServerOptions): Server {
  const { requestTimeoutMs = defaultRequestTimeoutMs } = options;
  const app = fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    http: {
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(30_000, requestTimeoutMs),
      // Node would answer without a body; `refuseAmbiguous` does with one.
      requireHostHeader: false,
    },
    keepAliveTimeout: 72_000,
    return503OnClosing: false,
    genReqId: () => `req_${newHexId()}`,
    frameworkErrors: (error, _request, reply) => sendError(reply as unknown as FastifyReply, errorAnswer(error)),
    clientErrorHandler: (error, socket) => {
      if (socket.writable) socket.end(rawErrorResponse(error));
    },
  });
  // Node would drop what is over its count without a word; the size of all headers is bounded anyway.
  app.server.maxHeadersCount = 0;
  // What is expected beyond 100-continue may be ignored (RFC 9110, 10.1.1); Node would refuse it without a body.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  let stopping = false;
  let open = 0;
  new Gauge({
    name: 'talaria_http_open_requests',
    help: 'HTTP requests in progress.',
    registers: [options.metrics.registry],
    collect() {
      this.set(open);
    },
  });
  app.decorateRequest('admission', null);
  app.decorateRequest('errorCode', '');
  app.decorateRequest('rawBody', null);
  app.decorateRequest('facts');
  app.decorateRequest('trace');
  const { tracing } = options;
  if (tracing !== undefined) addTracing(app, tracing);
  // Its fields are all named in this file and hold no secret; redaction would cost as much as the rest of the line.
  const access = options.log.child({}, { redact: [] });
  app.addHook('onRequest', (request, reply, done) => {
    open += 1;
    observe(request, reply, { metrics: options.metrics, access }, () => {
      open -= 1;
      // A connection that was busy when the server closed would be kept for its next request, which must not come.
      if (stopping) setImmediate(() => app.server.closeIdleConnections());
    });
    reply.header('x-request-id', request.id);
    if (stopping) reply.header('connection', 'close');
    refuseAmbiguous(request.raw);
    if (answerCors(request, reply, options)) return;
    if (options.standalone) refuseForeign(request.headers, options.corsOrigins);
    if (open > options.maxOpenRequests)
      throw new TalariaError('overloaded', 'This gateway serves as many requests as it can. Try again shortly.');
    done();
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (typeof payload === 'string' && payload.length > unreadLength) breakWhenStalled(reply.raw);
    done();
  });
  acceptJsonOnly(app);
  answerErrors(app, options.log);
  options.routes(app);
  return {
    start: async () => {
      await app.listen({ host: options.listen.host, port: options.listen.port });
      return addressOf(app, options.listen.host);
    },
    openRequests: () => open,
    stop: async (budgetMs) => {
      stopping = true;
      const breakOff = setTimeout(() => app.server.closeAllConnections(), budgetMs);
      await app.close();
      clearTimeout(breakOff);
    },
  };
}

/** In characters: what is shorter leaves this process also when its client does not read. */
const unreadLength = 64 * 1024;

/** Counts, times and logs a request once its answer is out or its client is gone. */
function observe(
  request: FastifyRequest,
  reply: FastifyReply,
  { metrics, access }: { readonly metrics: Metrics; readonly access: Logger },
  ended: () => void,
): void {
  const started = performance.now();
  request.facts = {};
  reply.raw.once('close', () => {
    ended();
    const path = request.routeOptions.url ?? 'none';
    const seconds = Math.round((performance.now() - started) * 1_000) / 1_000_000;
    const status = reply.raw.headersSent ? reply.raw.statusCode : 499;
    metrics.requests.add(1, path, String(status), request.errorCode);
    metrics.requestSeconds.observe(path, seconds);
    if (!path.startsWith('/v1/') && !path.startsWith('/admin/')) return request.trace?.ended(status, request.errorCode);
    const { method, id, errorCode: code } = request;
    const traceId = request.trace?.span.context.traceId;
    request.trace?.ended(status, code);
    if (isAdminAction(method, path)) auditAction(access, request, status);
    access.info({ requestId: id, method, path, status, code, seconds, ...request.facts, traceId }, 'request');
  });
}

/** Whether a request asks for something to be done; to explain a message does nothing. */
function isAdminAction(method: string, path: string): boolean {
  return path.startsWith('/admin/') && !['GET', 'HEAD', 'OPTIONS'].includes(method) && path !== '/admin/v1/explain';
}

/** Also of one that was refused: who tried, what, and at which object. */
function auditAction(log: Logger, request: FastifyRequest, status: number): void {
  const { id, method, errorCode: code } = request;
  const { id: target } = request.params as { readonly id?: string };
  audit(log, 'admin.action', {
    ...{ principal: request.facts.principal ?? '', action: `${method} ${request.routeOptions.url}` },
    ...{ target: target?.slice(0, longestTarget) ?? '', status, code, requestId: id },
  });
}

/** Names of objects and ids of runs are no longer. */
const longestTarget = 253;

/** True when the request was a preflight and is answered. */
function answerCors(request: FastifyRequest, reply: FastifyReply, { corsOrigins }: ServerOptions): boolean {
  const headers = corsHeaders(request.headers.origin, corsOrigins);
  if (headers) reply.headers(headers);
  if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return false;
  if (!headers) return false;
  reply.headers(preflightHeaders(request.headers['access-control-request-headers'])).code(204).send();
  return true;
}

/** The handler and what it awaits are a part of the request's span. */
function addTracing(app: FastifyInstance, tracing: Tracing): void {
  app.addHook('onRequest', (request, _reply, done) => {
    request.trace = traceRequest(tracing, request);
    done();
  });
  app.addHook('preHandler', ({ trace }, _reply, done) => {
    if (trace === undefined) done();
    else withSpan(trace.span, done);
  });
}

function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      refuseEncoded(request.headers['content-encoding']);
      if (request.headers['idempotency-key'] !== undefined) request.rawBody = body as Buffer;
      // Some clients name the type of a body that they do not send.
      done(null, body.length === 0 ? undefined : parseStrictJson(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
}

function answerErrors(app: FastifyInstance, log: Logger): void {
  const methods = createMethodTable();
  app.addHook('onRoute', (route) => methods.add(route.url, route.method));
  app.setNotFoundHandler((request) => {
    throw methods.refusal(request.method, request.url);
  });
  app.setErrorHandler((error, request, reply) => {
    // Nobody is left to answer, and to have gone is no failure of ours.
    if (reply.raw.destroyed) return reply.hijack();
    const answer = errorAnswer(isUntypedQuery(error) ? methods.refusal(request.method, request.url) : error);
    request.errorCode = answer.code;
    if (answer.code === 'internal_error')
      log.error(
        { requestId: request.id, traceId: request.trace?.span.context.traceId, err: error },
        'a request failed inside the gateway',
      );
    const allow = answer.code === 'method_not_allowed' ? methods.allowed(request.url).join(', ') : '';
    if (allow !== '') reply.header('allow', allow);
    // Closing while the client still sends would make it lose this answer; Node reads the rest and drops it.
    reply.removeHeader('connection');
    return sendError(reply, answer);
  });
}

/** fastify asks a QUERY for its type before it looks whether a path takes it; none of ours does. */
function isUntypedQuery(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'FST_ERR_ROUTE_MISSING_CONTENT_TYPE';
}

function sendError(reply: FastifyReply, answer: ErrorAnswer): FastifyReply {
  return reply.headers(answer.headers).code(answer.status).send(answer.body);
}

function addressOf(app: FastifyInstance, host: string): string {
  const { port } = app.server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

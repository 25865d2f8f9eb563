import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { TalariaError } from '../../core/lib/errors.ts';
import type { Idempotency } from '../runs/idempotency.ts';
import { talariaRequestHeaders } from './headers.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The body's bytes as they came; kept only of a request with an Idempotency-Key. */
    rawBody: Buffer | null;
  }
}

/**
 * The Idempotency-Key of a request, 1 to 255 visible ASCII characters, with a hash over method, path, routing headers and
 * raw body; undefined when it has none. Throws `invalid_header` for every other value.
 */
export function readIdempotencyKey(request: FastifyRequest): Idempotency | undefined {
  // Cheaper than the distinct headers, which few requests need.
  if (request.headers['idempotency-key'] === undefined) return undefined;
  const header = request.raw.headersDistinct['idempotency-key'] ?? [];
  const key = header[0]?.trim() ?? '';
  if (header.length > 1 || !/^[\x21-\x7e]{1,255}$/.test(key)) throw invalidKey();
  const hash = createHash('sha256').update(JSON.stringify([request.method, request.url, routingHeaders(request)]));
  return { key, hash: hash.update(request.rawBody ?? Buffer.alloc(0)).digest('hex') };
}

/** Tells the client that the answer is the one of an earlier request. */
export function markRepeated(request: FastifyRequest, reply: FastifyReply): void {
  reply.header('idempotency-replayed', 'true');
  request.facts.repeated = true;
}

/** An alias counts as the header it stands for. */
function routingHeaders({ headers }: FastifyRequest): readonly string[] {
  return talariaRequestHeaders
    .filter((name) => headers[name] !== undefined && headers[name] !== '')
    .map((name) => `${name.replace('x-hermes-', 'x-talaria-')}: ${String(headers[name]).trim()}`)
    .sort();
}

function invalidKey(): TalariaError {
  return new TalariaError(
    'invalid_header',
    'Header idempotency-key must stand once, with 1 to 255 visible ASCII characters. A UUID is a good one.',
    { param: 'idempotency-key' },
  );
}

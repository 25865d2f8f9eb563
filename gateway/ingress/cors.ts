import { talariaRequestHeaders } from './headers.ts';

/** The headers of an answer that a web page may read. */
export const talariaResponseHeaders = [
  'x-talaria-agent',
  'x-talaria-route',
  'x-talaria-session-id',
  'x-talaria-run-id',
  'x-talaria-revision',
] as const;

/**
 * The CORS headers for a request with this `Origin`; undefined when its page may not call the API, which its browser then
 * refuses. `origins` may hold `*`. Keys go in a header, so cookies and the like are never allowed.
 */
export function corsHeaders(
  origin: string | undefined,
  origins: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (origin === undefined || !(origins.includes('*') || origins.includes(origin))) return undefined;
  return { 'access-control-allow-origin': origin, vary: 'Origin', 'access-control-expose-headers': exposed };
}

/** What a preflight is answered with beside `corsHeaders`. */
export const preflightHeaders: Readonly<Record<string, string>> = {
  'access-control-allow-methods': 'GET, POST, PATCH, DELETE',
  'access-control-allow-headers': ['authorization', 'content-type', 'idempotency-key', ...talariaRequestHeaders].join(
    ', ',
  ),
  'access-control-max-age': '600',
};

const exposed = [
  ...talariaResponseHeaders,
  ...talariaRequestHeaders.filter((name) => name.startsWith('x-hermes-')),
  'x-request-id',
  'x-should-retry',
  'idempotency-replayed',
  'retry-after',
].join(', ');

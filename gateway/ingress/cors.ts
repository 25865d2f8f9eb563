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

/**
 * What a preflight is answered with beside `corsHeaders`. `requested` is its `Access-Control-Request-Headers`: every header
 * is allowed, because a Route may match any, and the official SDKs send some that change with their version.
 */
export function preflightHeaders(requested: string | undefined): Readonly<Record<string, string>> {
  const asked = requested !== undefined && headerNames.test(requested) ? `, ${requested}` : '';
  return {
    'access-control-allow-methods': 'GET, POST, PATCH, DELETE',
    'access-control-allow-headers': `${usual}${asked}`,
    'access-control-max-age': '600',
  };
}

const headerNames = /^[\w!#$%&'*+.^`|~-]+( *, *[\w!#$%&'*+.^`|~-]+)*$/;

const usual = ['authorization', 'content-type', 'idempotency-key', 'last-event-id', ...talariaRequestHeaders].join(
  ', ',
);

const exposed = [
  ...talariaResponseHeaders,
  ...talariaRequestHeaders.filter((name) => name.startsWith('x-hermes-')),
  ...['limit', 'remaining', 'reset'].flatMap((what) =>
    ['requests', 'tokens'].map((unit) => `x-ratelimit-${what}-${unit}`),
  ),
  'x-request-id',
  'x-should-retry',
  'idempotency-replayed',
  'retry-after',
].join(', ');

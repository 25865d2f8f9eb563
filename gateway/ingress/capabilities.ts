import { maxHeaderSize } from 'node:http';
import type { FastifyInstance } from 'fastify';
import packageJson from '../../package.json' with { type: 'json' };
import type { AuthOptions } from '../admit/auth.ts';
import { chatFeatures } from './chat-completions/chat-features.ts';
import { maxCharacters, talariaRequestHeaders } from './headers.ts';
import { type AdmitOptions, admitBy } from './request.ts';

/** One path that the server serves, with its methods in order. */
interface Endpoint {
  /** As in OpenAPI: `/v1/models/{id}`. */
  readonly path: string;
  readonly methods: readonly string[];
}

/**
 * `GET /v1/capabilities`: what this gateway offers. The endpoints are those that are really added, so call it before any
 * other route is.
 */
export function addCapabilities(app: FastifyInstance, options: AdmitOptions): void {
  const endpoints = listEndpoints(app);
  let document: object | undefined;
  app.get('/v1/capabilities', { onRequest: admitBy(options) }, () => {
    document ??= capabilities(endpoints(), app.initialConfig.bodyLimit ?? 0, options);
    return document;
  });
}

/** Headers of a known meaning that this version refuses rather than ignores. */
const refusedHeaders: readonly string[] = ['x-talaria-session-key', 'x-hermes-session-key'];

function capabilities(endpoints: readonly Endpoint[], bodyBytes: number, auth: AuthOptions): object {
  const takes = (path: string) => endpoints.some((endpoint) => endpoint.path === path);
  const headers = ['authorization', 'idempotency-key', ...talariaRequestHeaders];
  const read = headers.filter((name) => !refusedHeaders.includes(name));
  return {
    object: 'capabilities',
    version: packageJson.version,
    endpoints,
    features: {
      chat_completions: { available: takes('/v1/chat/completions'), ...chatFeatures() },
      responses: { available: takes('/v1/responses') },
      runs: { available: takes('/v1/runs') },
      sessions: { available: takes('/v1/sessions'), by_header: read.includes('x-talaria-session-id') },
      idempotency: { available: read.includes('idempotency-key') },
      memory: { available: read.includes('x-talaria-session-key') },
      platforms: { available: endpoints.some(({ path }) => path.startsWith('/platforms/')) },
    },
    headers: read,
    limits: { body_bytes: bodyBytes, headers_bytes: maxHeaderSize, header_characters: maxCharacters },
    auth: [
      'agent_key',
      'gateway_key',
      ...(auth.tokens === undefined ? [] : ['token']),
      ...(auth.keyless ? ['none'] : []),
    ],
  };
}

/** Hears of every route from now on; gives them by path. */
function listEndpoints(app: FastifyInstance): () => readonly Endpoint[] {
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const path = url.replaceAll(/:(\w+)/g, '{$1}');
    const known = methods.get(path) ?? new Set();
    for (const each of [method].flat()) if (each !== 'HEAD') known.add(each);
    methods.set(path, known);
  });
  return () =>
    [...methods]
      .map(([path, known]) => ({ path, methods: [...known].sort() }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
}

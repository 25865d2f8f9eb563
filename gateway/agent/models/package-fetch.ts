import { type Dispatcher, type RequestInit, Response, fetch as undiciFetch } from 'undici';
import { maxAnswerBytes, maxSilenceMs, tooLarge } from './model-failure.ts';

export interface PackageFetchOptions {
  /** Decides which addresses may be reached. */
  readonly dispatcher: Dispatcher;
  /** For the whole answer; its owner aborts the request then. */
  readonly totalMs: number;
  /** Merged into the body of every request. */
  readonly extra: Readonly<Record<string, unknown>>;
}

/**
 * The `fetch` for a provider's package: over our own guarded connections, without redirects, with a bound on silence and on
 * the length of an answer.
 */
export function createPackageFetch(options: PackageFetchOptions): typeof globalThis.fetch {
  const { totalMs, extra } = options;
  const timeouts = { headersTimeout: totalMs, bodyTimeout: Math.min(totalMs, maxSilenceMs) };
  const dispatcher = options.dispatcher.compose(
    (dispatch) => (request, handler) => dispatch({ ...request, ...timeouts }, handler),
  );
  const guarded = async (url: string, init: RequestInit): Promise<Response> => {
    const body = typeof init.body === 'string' ? withExtra(init.body, extra) : init.body;
    const response = await undiciFetch(url, { ...init, body: body ?? null, redirect: 'manual', dispatcher });
    if (response.body === null) return response;
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(bounded()), { status, statusText, headers });
  };
  // The package knows the types of the platform's fetch only; those of undici's are of the same shape.
  return guarded as unknown as typeof globalThis.fetch;
}

function withExtra(body: string, extra: Readonly<Record<string, unknown>>): string {
  if (Object.keys(extra).length === 0) return body;
  return JSON.stringify({ ...(JSON.parse(body) as object), ...extra });
}

function bounded(): TransformStream<Uint8Array, Uint8Array> {
  let received = 0;
  return new TransformStream({
    transform: (bytes, controller) => {
      received += bytes.byteLength;
      if (received > maxAnswerBytes) throw tooLarge();
      controller.enqueue(bytes);
    },
  });
}

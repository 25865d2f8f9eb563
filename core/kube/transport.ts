import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { sha256 } from '../lib/hash.ts';
import { type CallDeadline, orAborted, startDeadline } from './call-deadline.ts';
import type { CredentialSource, Credentials } from './credentials.ts';
import { KubeError } from './kube-error.ts';
import { errorOfAnswer, errorOfFailure, parseAnswer } from './request-error.ts';
import type { RawRequest } from './types.ts';

/** Sends single requests over one kept connection pool. */
export interface Transport {
  /** The decoded JSON of a 2xx answer; the deadline covers everything up to its last byte. */
  readonly send: (request: TransportRequest) => Promise<unknown>;
  /** The open body of a 2xx answer; `deadlineMs` covers its headers, `silenceMs` the time between two chunks. */
  readonly open: (request: TransportRequest, silenceMs: number) => Promise<AsyncIterable<Uint8Array>>;
  readonly close: () => Promise<void>;
}

export type TransportRequest = RawRequest & { readonly deadlineMs: number };

/** Idle connections outlive a leader's renewal period, and end before the API server (90 s) closes them. */
const keepAliveMs = 60_000;
const maxConnections = 64;
const connectTimeoutMs = 5_000;

/** One dispatcher at a time: it is replaced only when the TLS identity or the proxy changes. */
export function createTransport(source: CredentialSource): Transport {
  let kept: { credentials: Credentials; fingerprint: string; dispatcher: Dispatcher } | undefined;
  const dispatchers = new Set<Dispatcher>();

  const dispatcherFor = (credentials: Credentials): Dispatcher => {
    if (kept?.credentials === credentials) return kept.dispatcher;
    const fingerprint = fingerprintOf(credentials);
    if (kept?.fingerprint === fingerprint) {
      kept = { ...kept, credentials };
      return kept.dispatcher;
    }
    if (kept !== undefined) retire(kept.dispatcher);
    kept = { credentials, fingerprint, dispatcher: createDispatcher(credentials) };
    dispatchers.add(kept.dispatcher);
    return kept.dispatcher;
  };

  /** Lets its calls and watches end by themselves. */
  const retire = (dispatcher: Dispatcher): void => {
    const forget = () => dispatchers.delete(dispatcher);
    dispatcher.close().then(forget, forget);
  };

  const dispatch = (request: TransportRequest, signal: AbortSignal, silenceMs: number) =>
    orAborted(dispatchWithFreshCredentials(request, signal, silenceMs), signal);

  const dispatchWithFreshCredentials = async (request: TransportRequest, signal: AbortSignal, silenceMs: number) => {
    const credentials = await source.current();
    const answer = await dispatchOnce(dispatcherFor(credentials), credentials, request, signal, silenceMs);
    if (answer.statusCode !== 401) return answer;
    await answer.body.dump();
    source.refuse(credentials);
    const fresh = await source.current();
    return await dispatchOnce(dispatcherFor(fresh), fresh, request, signal, silenceMs);
  };

  return {
    send: async (request) => {
      const deadline = startDeadline(request.deadlineMs, request.signal);
      try {
        const answer = await dispatch(request, deadline.signal, 0);
        const text = await answer.body.text();
        if (answer.statusCode >= 300) throw errorOfAnswer(request, answer, text);
        return parseAnswer(request, text);
      } catch (error) {
        throw errorOfFailure(request, error, deadline);
      } finally {
        deadline.clear();
      }
    },
    open: async (request, silenceMs) => {
      const deadline = startDeadline(request.deadlineMs, request.signal);
      try {
        const answer = await dispatch(request, deadline.signal, silenceMs);
        if (answer.statusCode >= 300) throw errorOfAnswer(request, answer, await answer.body.text());
        deadline.clearTimer();
        return chunksOf(request, answer.body, deadline);
      } catch (error) {
        deadline.clear();
        throw errorOfFailure(request, error, deadline);
      }
    },
    close: async () => {
      await Promise.all([...dispatchers].map((dispatcher) => dispatcher.destroy()));
      dispatchers.clear();
    },
  };
}

function createDispatcher({ tls, proxyUrl }: Credentials): Dispatcher {
  const connect = { ...tls, timeout: connectTimeoutMs, keepAlive: true, keepAliveInitialDelay: 30_000 };
  const options: Agent.Options = {
    allowH2: false,
    connections: maxConnections,
    pipelining: 1,
    keepAliveTimeout: keepAliveMs,
    // The deadline of each call, and for a watch its silence limit, replace undici's own.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  if (proxyUrl === undefined) return new Agent({ ...options, connect });
  if (/^https?:/.test(proxyUrl)) return new ProxyAgent({ ...options, uri: proxyUrl, requestTls: connect });
  const message = 'the proxy-url of the kubeconfig is neither http nor https; use one of these';
  throw new KubeError({ status: 0, reason: 'Proxy', message });
}

function fingerprintOf({ server, tls, proxyUrl }: Credentials): string {
  return sha256(JSON.stringify([server, tls, proxyUrl ?? '']));
}

async function dispatchOnce(
  dispatcher: Dispatcher,
  credentials: Credentials,
  request: TransportRequest,
  signal: AbortSignal,
  silenceMs: number,
): Promise<Dispatcher.ResponseData> {
  const url = new URL(credentials.server);
  const headers: Record<string, string> = { ...credentials.headers, accept: 'application/json' };
  if (request.body !== undefined) headers['content-type'] = request.contentType ?? 'application/json';
  return await dispatcher.request({
    origin: url.origin,
    // A server URL may carry a path of its own: proxies such as Rancher's.
    path: `${url.pathname === '/' ? '' : url.pathname}${request.path}${queryOf(request)}`,
    method: request.method,
    headers,
    body: request.body === undefined ? null : JSON.stringify(request.body),
    signal,
    bodyTimeout: silenceMs,
  });
}

function queryOf({ query }: TransportRequest): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? '' : `?${parameters}`;
}

async function* chunksOf(
  request: TransportRequest,
  body: Dispatcher.ResponseData['body'],
  deadline: CallDeadline,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk;
  } catch (error) {
    throw errorOfFailure(request, error, deadline);
  } finally {
    // Leaving the loop early must close the connection: the rest of an endless body cannot be read away.
    body.destroy();
    deadline.clear();
  }
}

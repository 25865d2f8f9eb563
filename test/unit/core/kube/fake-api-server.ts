import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { apiVersionOf, resourcePath } from '../../../../core/kube/resources.ts';
import type { KubeObject, KubeResource } from '../../../../core/kube/types.ts';
import { canonicalJson } from '../../../../core/lib/json.ts';

export const fakeNamespace = 'test-ns';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

export interface FakeRequest {
  readonly verb: Verb;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Answers one request instead of the server. */
export type Fault = (response: http.ServerResponse, request: FakeRequest) => void;

/**
 * Speaks the wire format of an API server over plain HTTP on loopback: a store with resourceVersions, lists, watches
 * that replay from a version, apply, and conflicts. `fail` puts faults before it. It checks nothing: schemas, selectors
 * other than by name, ownership and access rules are for the tests on a real one.
 */
export interface FakeApiServer {
  readonly url: string;
  /** Path of a kubeconfig for this server. */
  readonly kubeconfig: string;
  readonly requests: readonly FakeRequest[];
  /** Connections that were ever opened. */
  readonly connections: () => number;
  /** The next requests with this verb, and whose path contains `part`, get these answers, each once. */
  readonly fail: (verb: Verb, part: string, ...faults: readonly Fault[]) => void;
  readonly put: (resource: KubeResource, object: KubeObject) => void;
  readonly remove: (resource: KubeResource, name: string) => void;
  /** Changes the store without telling the watches: a lost event. */
  readonly putSilently: (resource: KubeResource, object: KubeObject) => void;
  readonly get: (resource: KubeResource, name: string) => StoredObject | undefined;
  /** Ends every open watch the way a server does at its timeout. */
  readonly endWatches: () => void;
  /** Resets every open watch. */
  readonly resetWatches: () => void;
  readonly openWatches: () => number;
  /** Closes the port and every connection; `resume` opens the same port again with the same store. */
  readonly pause: () => Promise<void>;
  readonly resume: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface StoredObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

interface Reply {
  readonly code: number;
  readonly body: unknown;
}

interface LoggedEvent {
  readonly collection: string;
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: StoredObject;
}

export async function startFakeApiServer(): Promise<FakeApiServer> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fake-api-server-'));
  const kubeconfig = path.join(folder, 'kubeconfig');
  const requests: FakeRequest[] = [];
  const faults: { verb: Verb; part: string; fault: Fault }[] = [];
  const store = new Map<string, StoredObject>();
  const log: LoggedEvent[] = [];
  const watches = new Map<http.ServerResponse, FakeRequest>();
  let version = 100;
  let connections = 0;

  const change = (type: LoggedEvent['type'], key: string, object: KubeObject, silent = false): StoredObject => {
    version += 1;
    const uid = store.get(key)?.metadata.uid ?? object.metadata.uid ?? `uid-${version}`;
    const metadata = { ...object.metadata, namespace: fakeNamespace, uid, resourceVersion: String(version) };
    const stored = { ...object, metadata };
    if (type === 'DELETED') store.delete(key);
    else store.set(key, stored);
    if (silent) return stored;
    const event = { collection: path.posix.dirname(key), version, type, object: stored };
    log.push(event);
    for (const [response, request] of watches) if (selects(request, event)) sendEvent(response, type, stored);
    return stored;
  };

  const write = (key: string, object: KubeObject): StoredObject =>
    change(store.has(key) ? 'MODIFIED' : 'ADDED', key, object);

  const replyTo = (request: FakeRequest): Reply => {
    const { verb, path: key } = request;
    if (verb === 'list') return listed(request);
    if (verb === 'create') return created(key, JSON.parse(request.body));
    const known = store.get(key.replace(/\/status$/, ''));
    if (verb === 'patch' && known === undefined && !key.endsWith('/status')) {
      return { code: 200, body: write(key, JSON.parse(request.body)) };
    }
    if (known === undefined) return failure(404, 'NotFound');
    if (verb === 'get') return { code: 200, body: known };
    if (verb === 'delete') return { code: 200, body: change('DELETED', key, known) };
    const object: KubeObject = JSON.parse(request.body);
    const expected = object.metadata.resourceVersion;
    if (expected !== undefined && expected !== known.metadata.resourceVersion) return failure(409, 'Conflict');
    if (verb === 'update') return { code: 200, body: write(key, object) };
    return { code: 200, body: applied(key.replace(/\/status$/, ''), known, object) };
  };

  const created = (collection: string, object: KubeObject): Reply => {
    const key = `${collection}/${object.metadata.name}`;
    return store.has(key) ? failure(409, 'AlreadyExists') : { code: 201, body: write(key, object) };
  };

  /** An apply that changes nothing gives the object as it was, as the real server does. */
  const applied = (key: string, known: StoredObject, object: KubeObject): StoredObject => {
    const merged = { ...known, ...object, metadata: { ...known.metadata, ...object.metadata } };
    return canonicalJson(known) === canonicalJson(merged) ? known : write(key, merged);
  };

  const listed = (request: FakeRequest): Reply => {
    const items = [...store]
      .filter(([key, object]) => path.posix.dirname(key) === request.path && namedBy(request, object))
      .map(([, object]) => object);
    return { code: 200, body: { kind: 'List', metadata: { resourceVersion: String(version) }, items } };
  };

  const startWatch = (request: FakeRequest, response: http.ServerResponse): void => {
    openStream(response);
    watches.set(response, request);
    response.on('close', () => watches.delete(response));
    const from = Number(request.query.get('resourceVersion'));
    for (const event of log) {
      if (event.version > from && selects(request, event)) sendEvent(response, event.type, event.object);
    }
  };

  const answer = (request: FakeRequest, response: http.ServerResponse): void => {
    if (request.verb === 'watch') {
      startWatch(request, response);
      return;
    }
    const reply = replyTo(request);
    sendJson(response, reply.code, reply.body);
  };

  const server = http.createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const request = readRequest(incoming, Buffer.concat(chunks).toString());
      requests.push(request);
      const index = faults.findIndex(({ verb, part }) => verb === request.verb && request.path.includes(part));
      const [hit] = index === -1 ? [] : faults.splice(index, 1);
      if (hit === undefined) answer(request, response);
      else hit.fault(response, request);
    });
  });
  server.on('connection', () => {
    connections += 1;
  });

  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  writeFileSync(kubeconfig, kubeconfigText(url));

  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };

  return {
    url,
    kubeconfig,
    requests,
    connections: () => connections,
    fail: (verb, part, ...added) => {
      faults.push(...added.map((fault) => ({ verb, part, fault })));
    },
    put: (resource, object) => {
      write(keyOf(resource, object.metadata.name), { ...object, ...typeOf(resource) });
    },
    remove: (resource, name) => {
      const key = keyOf(resource, name);
      const known = store.get(key);
      if (known !== undefined) change('DELETED', key, known);
    },
    putSilently: (resource, object) => {
      change('MODIFIED', keyOf(resource, object.metadata.name), { ...object, ...typeOf(resource) }, true);
    },
    get: (resource, name) => store.get(keyOf(resource, name)),
    endWatches: () => {
      for (const response of watches.keys()) response.end();
      watches.clear();
    },
    resetWatches: () => {
      for (const response of watches.keys()) response.socket?.resetAndDestroy();
      watches.clear();
    },
    openWatches: () => watches.size,
    pause: close,
    resume: () => listen(server, port),
    stop: async () => {
      if (server.listening) await close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A JSON answer. */
export function sendJson(response: http.ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** A failure as the API server words it. */
export function sendStatus(response: http.ServerResponse, code: number, reason: string, message = reason): void {
  sendJson(response, code, statusBody(code, reason, message));
}

function failure(code: number, reason: string): Reply {
  return { code, body: statusBody(code, reason, reason) };
}

/** Starts the body of a watch. */
export function openStream(response: http.ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
}

/** One line of a watch. */
export function sendEvent(response: http.ServerResponse, type: string, object: unknown): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

/** Faults that many tests need. */
export const faults = {
  status:
    (code: number, reason: string, message?: string): Fault =>
    (response) =>
      sendStatus(response, code, reason, message),
  reset: (response: http.ServerResponse): void => {
    response.socket?.resetAndDestroy();
  },
  /** Accepts the request and never answers. */
  silence: (): void => undefined,
  garbage: (response: http.ServerResponse): void => {
    response.writeHead(200).end('<html>a proxy was here</html>\n');
  },
  /** A watch that starts and sends these chunks; it stays open. */
  stream:
    (...chunks: readonly (string | Uint8Array)[]): Fault =>
    (response) => {
      openStream(response);
      for (const chunk of chunks) response.write(chunk);
    },
  /** The in-stream form of 410. */
  expiredEvent: (response: http.ServerResponse): void => {
    openStream(response);
    sendEvent(response, 'ERROR', statusBody(410, 'Expired', 'too old resource version: 1 (2)'));
    response.end();
  },
} as const;

function statusBody(code: number, reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message };
}

function keyOf(resource: KubeResource, name: string): string {
  return resourcePath(resource, fakeNamespace, name);
}

function typeOf(resource: KubeResource): { apiVersion: string; kind: string } {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind };
}

function selects(request: FakeRequest, event: LoggedEvent): boolean {
  return event.collection === request.path && namedBy(request, event.object);
}

function namedBy({ query }: FakeRequest, object: KubeObject): boolean {
  const selector = query.get('fieldSelector');
  return selector === null || selector === `metadata.name=${object.metadata.name}`;
}

function readRequest(incoming: http.IncomingMessage, body: string): FakeRequest {
  const url = new URL(incoming.url ?? '/', 'http://localhost');
  const verb = verbOf(incoming.method ?? '', url);
  return { verb, path: url.pathname, query: url.searchParams, headers: incoming.headers, body };
}

function verbOf(method: string, url: URL): Verb {
  if (url.searchParams.get('watch') === 'true') return 'watch';
  const verbs: Record<string, Verb> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
  return verbs[method] ?? (/\/namespaces\/[^/]+\/[^/]+$/.test(url.pathname) ? 'list' : 'get');
}

async function listen(server: http.Server, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', () => resolve());
  await promise;
}

function kubeconfigText(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'fake',
    clusters: [{ name: 'fake', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'fake', user: { token: 'fake-token' } }],
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake', namespace: fakeNamespace } }],
  });
}

import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKubeClient } from '../../../../core/kube/client.ts';
import { isConflict, isExpired, KubeError } from '../../../../core/kube/kube-error.ts';
import { type ConfigMap, configMaps, kubeResource } from '../../../../core/kube/resources.ts';
import type { KubeClient, WatchEvent } from '../../../../core/kube/types.ts';
import { waitFor } from '../../../harness/wait-for.ts';
import {
  type FakeApiServer,
  type Fault,
  fakeNamespace,
  faults,
  sendJson,
  startFakeApiServer,
} from './fake-api-server.ts';

let server: FakeApiServer;
let client: KubeClient;

beforeEach(async () => {
  server = await startFakeApiServer();
  client = createKubeClient({ kubeconfig: server.kubeconfig, fieldManager: 'tester', deadlineMs: 2_000 });
});

afterEach(async () => {
  await client.close();
  await server.stop();
});

describe('a call', () => {
  it('reads what is there and says undefined for what is not', async () => {
    server.put(configMaps, { metadata: { name: 'one' }, data: { a: 'b' } } as never);
    expect(await client.get(configMaps, 'one')).toMatchObject({ data: { a: 'b' }, kind: 'ConfigMap' });
    expect(await client.get(configMaps, 'two')).toBeUndefined();
  });

  it('takes the namespace from the kubeconfig and encodes names', async () => {
    await client.get(configMaps, 'a/../b');
    expect(client.namespace).toBe(fakeNamespace);
    expect(server.requests[0]?.path).toBe(`/api/v1/namespaces/${fakeNamespace}/configmaps/a%2F..%2Fb`);
  });

  it('reuses its connections for calls that follow each other', async () => {
    for (let index = 0; index < 20; index += 1) await client.get(configMaps, `n${index}`);
    expect(server.requests).toHaveLength(20);
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  it('applies raw JSON with force under its own field manager', async () => {
    const rule = { 'x-kubernetes-validations': [{ rule: 'true' }], default: 0 };
    await client.apply(configMaps, { metadata: { name: 'one' }, ...rule });
    const [request] = server.requests;
    expect(request?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(Object.fromEntries(request?.query ?? [])).toEqual({ fieldManager: 'tester', force: 'true' });
    expect(JSON.parse(request?.body ?? '')).toMatchObject({ ...rule, apiVersion: 'v1', kind: 'ConfigMap' });
  });

  it('applies a status to the status alone, and fails when the object is gone', async () => {
    const routes = kubeResource('talaria.dev/v1alpha1', 'Route', 'routes');
    const write = client.applyStatus(routes, { metadata: { name: 'r' } });
    await expect(write).rejects.toMatchObject({ status: 404, reason: 'NotFound' });
    expect(server.requests[0]?.path).toBe(`/apis/talaria.dev/v1alpha1/namespaces/${fakeNamespace}/routes/r/status`);
  });

  it('reports a lost race as a conflict and a taken name as another failure', async () => {
    const first = await client.create(configMaps, { metadata: { name: 'one' } });
    await client.replace(configMaps, first);
    const stale = await client.replace(configMaps, first).catch((error: unknown) => error);
    const taken = await client.create(configMaps, { metadata: { name: 'one' } }).catch((error: unknown) => error);
    expect([isConflict(stale), isConflict(taken)]).toEqual([true, false]);
    expect(taken).toMatchObject({ status: 409, reason: 'AlreadyExists' });
  });

  it('deletes and tells whether there was anything to delete', async () => {
    await client.create(configMaps, { metadata: { name: 'one' } });
    expect(await client.delete(configMaps, 'one', { uid: 'u1' })).toBe(true);
    expect(await client.delete(configMaps, 'one')).toBe(false);
    expect(JSON.parse(server.requests[1]?.body ?? '')).toMatchObject({ preconditions: { uid: 'u1' } });
  });

  it('reads every page of a list, and keeps of each object what it is told', async () => {
    const page = (names: string[], next?: string) => ({
      metadata: { resourceVersion: '7', continue: next },
      items: names.map((name) => ({ metadata: { name } })),
    });
    server.fail(
      'list',
      'configmaps',
      (response) => sendJson(response, 200, page(['a', 'b'], 'token-1')),
      (response) => sendJson(response, 200, page(['c'])),
    );
    const keep = ({ metadata }: ConfigMap) => ({ metadata: { name: metadata.name.toUpperCase() } });
    const { items, resourceVersion } = await client.list(configMaps, { labelSelector: 'x=y', keep });
    expect(items.map((item) => item.metadata.name)).toEqual(['A', 'B', 'C']);
    expect(resourceVersion).toBe('7');
    expect(server.requests.map(({ query }) => query.get('continue'))).toEqual([null, 'token-1']);
    expect(server.requests.every(({ query }) => query.get('limit') === '500')).toBe(true);
  });

  it('writes an Event about an object, with a note of bounded length', async () => {
    const regarding = { apiVersion: 'talaria.dev/v1alpha1', kind: 'Route', name: 'r', uid: 'u' };
    const event = { regarding, type: 'Warning', reason: 'Tested', action: 'Test', note: 'n'.repeat(5_000) } as const;
    await client.createEvent(event);
    const body = JSON.parse(server.requests[0]?.body ?? '');
    expect(body).toMatchObject({ reportingController: 'tester', regarding: { name: 'r', namespace: fakeNamespace } });
    expect(body.eventTime).toMatch(/\.\d{6}Z$/);
    expect(body.note).toHaveLength(1_024);
  });
});

describe('a failed call', () => {
  it.each([
    ['an unknown field', 500, '.spec.x: field not declared in schema', true],
    ['a doubled key', 500, 'duplicate entries for key [name="a"]', true],
    ['an invalid object', 422, 'spec.x: Invalid value', true],
    ['an inner error', 500, 'etcdserver: request timed out', false],
    ['an overload', 429, 'too many requests', false],
    ['missing rights', 403, 'forbidden', false],
  ])('is told to be final or not: %s', async (_title, status, message, terminal) => {
    server.fail('patch', 'configmaps', faults.status(status, 'SomeReason', message));
    const error = await client.apply(configMaps, { metadata: { name: 'one' } }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(KubeError);
    expect(error).toMatchObject({ status, reason: 'SomeReason', terminal });
    expect(String(error)).toContain(message);
  });

  it('carries the causes and the pause that the server asked for', async () => {
    const details = { causes: [{ field: '.spec.port', message: 'owned by another' }], retryAfterSeconds: 3 };
    server.fail('get', 'one', (response) => sendJson(response, 409, { reason: 'Conflict', message: 'm', details }));
    const error = await client.get(configMaps, 'one').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ causes: details.causes, retryAfterMs: 3_000 });
  });

  it.each([
    ['a reset', faults.reset, 'Connection'],
    ['an answer that is not JSON', faults.garbage, 'BadAnswer'],
  ])('names %s', async (_title, fault, reason) => {
    server.fail('get', 'one', fault);
    await expect(client.get(configMaps, 'one')).rejects.toMatchObject({ status: 0, reason, terminal: false });
  });

  it('never quotes what it could not read, for it may be a Secret', async () => {
    const torn: Fault = (response) => response.writeHead(200).end('{"data":{"key":"c2VjcmV0');
    server.fail('get', 'one', torn);
    const error = await client.get(configMaps, 'one').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ reason: 'BadAnswer' });
    expect(inspect(error)).not.toContain('c2VjcmV0');
  });

  it('ends at its deadline when the server never answers, or answers too slowly', async () => {
    const trickle = (response: ServerResponse) => {
      response.writeHead(200).write('{"metadata":');
    };
    server.fail('get', 'one', faults.silence, trickle);
    const call = () => client.get(configMaps, 'one', { deadlineMs: 100 });
    await expect(call()).rejects.toMatchObject({ reason: 'Deadline' });
    await expect(call()).rejects.toMatchObject({ reason: 'Deadline' });
    expect(await client.get(configMaps, 'one')).toBeUndefined();
  });

  it('ends at its deadline while the connection is still being made', async () => {
    const mute = net.createServer(() => undefined).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    const file = path.join(path.dirname(server.kubeconfig), 'mute');
    writeFileSync(file, readFileSync(server.kubeconfig, 'utf8').replace(server.url, `https://127.0.0.1:${port}`));
    const other = createKubeClient({ kubeconfig: file, fieldManager: 'tester', deadlineMs: 100 });
    await expect(other.get(configMaps, 'one')).rejects.toMatchObject({ reason: 'Deadline' });
    await other.close();
    mute.close();
  });

  it('ends when its caller stops', async () => {
    server.fail('get', 'one', faults.silence);
    const stopping = new AbortController();
    const call = client.get(configMaps, 'one', { signal: stopping.signal });
    await waitFor('the request to arrive', () => server.requests.length === 1);
    stopping.abort();
    await expect(call).rejects.toMatchObject({ reason: 'Aborted' });
  });

  it('names the address when nobody listens', async () => {
    await server.pause();
    await expect(client.get(configMaps, 'one')).rejects.toThrow('ECONNREFUSED');
    await server.resume();
    expect(await client.get(configMaps, 'one')).toBeUndefined();
  });
});

describe('credentials', () => {
  it('are read again when the server refuses them, and the call is repeated once', async () => {
    const rotating = createRotatingKubeconfig(server.url);
    const other = createKubeClient({ kubeconfig: rotating.kubeconfig, fieldManager: 'tester' });
    await other.get(configMaps, 'one');
    rotating.setToken('second');
    await other.get(configMaps, 'one');
    server.fail('get', 'one', faults.status(401, 'Unauthorized'));
    await other.get(configMaps, 'one');
    const tokens = server.requests.map(({ headers }) => headers.authorization);
    expect(tokens).toEqual(['Bearer first', 'Bearer first', 'Bearer first', 'Bearer second']);
    await other.close();
    rotating.remove();
  });

  it('are missing, with a cure in the message, outside a pod and without a kubeconfig', () => {
    expect(() => createKubeClient({ fieldManager: 'tester' })).toThrow('no kubeconfig was given');
  });

  it('that stay refused fail the call', async () => {
    const unauthorized = faults.status(401, 'Unauthorized');
    server.fail('get', 'one', unauthorized, unauthorized);
    await expect(client.get(configMaps, 'one')).rejects.toMatchObject({ status: 401 });
    expect(server.requests).toHaveLength(2);
  });
});

describe('a watch', () => {
  const watch = (options: Partial<Parameters<KubeClient['watch']>[1]> = {}) =>
    client.watch(configMaps, {
      resourceVersion: '1',
      timeoutSeconds: 300,
      silenceMs: 60_000,
      signal: new AbortController().signal,
      ...options,
    });
  const line = (type: string, name: string, extra = {}) =>
    `${JSON.stringify({ type, object: { metadata: { name, resourceVersion: '9' }, ...extra } })}\n`;

  it('asks for bookmarks from a version and gives events and bookmarks until the server ends it', async () => {
    server.fail('watch', 'configmaps', (response) => {
      faults.stream(line('ADDED', 'a'), line('BOOKMARK', ''), line('DELETED', 'a'))(response, {} as never);
      response.end();
    });
    expect(await collect(watch({ fieldSelector: 'metadata.name=a' }))).toEqual(['added', 'bookmark', 'deleted']);
    expect(Object.fromEntries(server.requests[0]?.query ?? [])).toEqual({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: '1',
      timeoutSeconds: '300',
      fieldSelector: 'metadata.name=a',
    });
  });

  it('puts characters together that were cut between chunks', async () => {
    const bytes = Buffer.from(line('ADDED', 'a', { data: { text: 'täglich 🪽 ありがとう' } }));
    server.fail('watch', 'configmaps', (response) => {
      response.writeHead(200);
      const sendNext = (index: number): void => {
        if (index >= bytes.length) response.end();
        else response.write(bytes.subarray(index, index + 1), () => sendNext(index + 1));
      };
      sendNext(0);
    });
    const events: WatchEvent<ConfigMap>[] = [];
    for await (const event of watch()) events.push(event);
    expect(events).toMatchObject([{ object: { data: { text: 'täglich 🪽 ありがとう' } } }]);
  });

  it.each([
    ['an HTTP status', faults.status(410, 'Expired')],
    ['an event in the stream', faults.expiredEvent],
  ])('recognises a version that is too old as %s', async (_title, fault) => {
    server.fail('watch', 'configmaps', fault);
    const error = await collect(watch()).catch((caught: unknown) => caught);
    expect(isExpired(error)).toBe(true);
  });

  it.each([
    ['garbage', faults.garbage, 'BadAnswer'],
    ['an event without an object', faults.stream('{"type":"ADDED"}\n'), 'BadAnswer'],
    ['an event of a type unknown', faults.stream(line('RENAMED', 'a')), 'BadAnswer'],
    ['an inner error', faults.status(500, 'InternalError'), 'InternalError'],
    ['a reset', faults.reset, 'Connection'],
  ])('fails at %s', async (_title, fault, reason) => {
    server.fail('watch', 'configmaps', fault);
    await expect(collect(watch())).rejects.toMatchObject({ reason });
  });

  it('fails when a connection is half open and nothing arrives any more', async () => {
    server.fail('watch', 'configmaps', faults.stream(line('ADDED', 'a')));
    await expect(collect(watch({ silenceMs: 100 }))).rejects.toMatchObject({ reason: 'Silence' });
  });

  it('outlives the deadline of calls', async () => {
    const brief = createKubeClient({ kubeconfig: server.kubeconfig, fieldManager: 'tester', deadlineMs: 50 });
    server.fail('watch', 'configmaps', (response) => {
      faults.stream(line('ADDED', 'a'))(response, {} as never);
      setTimeout(() => response.end(line('ADDED', 'b')), 200);
    });
    const signal = new AbortController().signal;
    const options = { resourceVersion: '1', timeoutSeconds: 300, silenceMs: 60_000, signal };
    expect(await collect(brief.watch(configMaps, options))).toEqual(['added', 'added']);
    await brief.close();
  });

  it('closes its connection when the reader leaves or stops', async () => {
    server.put(configMaps, { metadata: { name: 'one' } });
    for await (const event of watch()) {
      expect(event.type).toBe('added');
      break;
    }
    const stopping = new AbortController();
    const reading = collect(watch({ signal: stopping.signal, resourceVersion: '101' }));
    await waitFor('the second watch alone', () => server.openWatches() === 1 && server.requests.length === 2);
    stopping.abort();
    await expect(reading).rejects.toMatchObject({ reason: 'Aborted' });
    await waitFor('no open watch', () => server.openWatches() === 0);
  });
});

async function collect(events: AsyncIterable<WatchEvent<ConfigMap>>): Promise<string[]> {
  const types: string[] = [];
  for await (const event of events) types.push(event.type);
  return types;
}

/** Its token comes from a command, as with cloud providers. */
function createRotatingKubeconfig(url: string) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rotating-'));
  const kubeconfig = path.join(folder, 'kubeconfig');
  const command = path.join(folder, 'token.sh');
  const setToken = (token: string) => {
    const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token } };
    writeFileSync(command, `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`);
    chmodSync(command, 0o755);
  };
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command, interactiveMode: 'Never' };
  const base = JSON.parse(readFileSync(server.kubeconfig, 'utf8'));
  const cluster = { server: url, 'insecure-skip-tls-verify': true };
  const config = { ...base, clusters: [{ name: 'fake', cluster }], users: [{ name: 'fake', user: { exec } }] };
  writeFileSync(kubeconfig, JSON.stringify(config));
  setToken('first');
  return { kubeconfig, setToken, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

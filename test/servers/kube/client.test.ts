import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createKubeClient } from '../../../core/kube/client.ts';
import { isConflict } from '../../../core/kube/kube-error.ts';
import { type ConfigMap, configMaps, kubeResource, routes } from '../../../core/kube/resources.ts';
import type { KubeClient, KubeObject } from '../../../core/kube/types.ts';
import { createNamespace, type TestNamespace } from '../../harness/namespace.ts';
import { writeFileInTemporary } from './temporary-file.ts';

let namespace: TestNamespace;
let client: KubeClient;
const kubeconfig = inject('kubeconfig');

beforeAll(async () => {
  namespace = await createNamespace(kubeconfig);
  client = clientAs('tester');
});

afterAll(() => client.close());

describe('a real API server', () => {
  it('creates, reads, replaces and deletes an object', async () => {
    const created = await client.create(configMaps, { metadata: { name: 'life' }, data: { a: '1' } });
    const replaced = await client.replace(configMaps, { ...created, data: { a: '2' } });
    expect((await client.get(configMaps, 'life'))?.data).toEqual({ a: '2' });
    const lost = await client.replace(configMaps, { ...created, data: { a: '3' } }).catch((error: unknown) => error);
    expect(isConflict(lost)).toBe(true);
    const wrong = client.delete(configMaps, 'life', { resourceVersion: created.metadata.resourceVersion });
    await expect(wrong).rejects.toMatchObject({ status: 409 });
    expect(await client.delete(configMaps, 'life', { uid: replaced.metadata.uid })).toBe(true);
    expect(await client.delete(configMaps, 'life')).toBe(false);
    expect(await client.get(configMaps, 'life')).toBeUndefined();
  });

  it('writes nothing for an apply that changes nothing, of an object and of a status', async () => {
    const object = { metadata: { name: 'same' }, data: { a: '1' } };
    const first = await client.apply(configMaps, object);
    expect(await client.apply(configMaps, object)).toEqual(first);
    await client.apply(routes, route('same'));
    const status = { metadata: { name: 'same' }, status: { observedGeneration: 1 } };
    const written = await client.applyStatus(routes, status);
    expect((await client.applyStatus(routes, status)).metadata.resourceVersion).toBe(written.metadata.resourceVersion);
  });

  it('lets each field manager own its fields of one status, and removes what its owner no longer names', async () => {
    const [operator, gateway] = [clientAs('one-manager'), clientAs('other-manager')];
    await client.apply(routes, route('shared'));
    const condition = (type: string) => ({ type, status: 'True', reason: 'R', message: 'm', lastTransitionTime: time });
    const write = (by: KubeClient, ...types: string[]) =>
      by.applyStatus(routes, { metadata: { name: 'shared' }, status: { conditions: types.map(condition) } } as never);
    await write(operator, 'Accepted', 'Ready');
    await write(gateway, 'Programmed');
    await write(operator, 'Accepted');
    const read: KubeObject & { status?: { conditions: { type: string }[] } } = (await client.get(
      routes,
      'shared',
    )) as never;
    expect(read.status?.conditions.map(({ type }) => type).sort()).toEqual(['Accepted', 'Programmed']);
    await Promise.all([operator.close(), gateway.close()]);
  });

  it('is told apart where no retry can help', async () => {
    const unknown = client.apply(configMaps, { metadata: { name: 'bad' }, nonsense: 1 } as never);
    await expect(unknown).rejects.toMatchObject({ status: 500, terminal: true });
    const [rule] = route('bad').spec.rules;
    const doubled = client.apply(routes, { metadata: { name: 'bad' }, spec: { rules: [rule, rule] } } as never);
    await expect(doubled).rejects.toMatchObject({ terminal: true });
    const invalid = client.apply(routes, { metadata: { name: 'bad' }, spec: { rules: [] } } as never);
    await expect(invalid).rejects.toMatchObject({ status: 422, terminal: true });
  });

  it('gives a CRD as it is stored, with its rules, list types and defaults', async () => {
    const crds = kubeResource<KubeObject & { spec?: unknown }>(
      'apiextensions.k8s.io/v1',
      'CustomResourceDefinition',
      'customresourcedefinitions',
      'cluster',
    );
    const text = JSON.stringify((await client.get(crds, 'routes.talaria.dev'))?.spec);
    for (const field of ['x-kubernetes-validations', 'x-kubernetes-list-type', '"default":']) {
      expect(text).toContain(field);
    }
  });

  it('lists page by page, also the state of an earlier version', async () => {
    const many = await createNamespace(kubeconfig);
    const other = createKubeClient({ kubeconfig, namespace: many.name, fieldManager: 'tester' });
    const names = Array.from({ length: 1_050 }, (_, index) => `many-${index}`);
    for (let from = 0; from < names.length; from += 50) {
      await Promise.all(
        names.slice(from, from + 50).map((name) => other.create(configMaps, { metadata: { name }, data: {} })),
      );
    }
    const before = await other.list(configMaps);
    await other.delete(configMaps, 'many-7');
    const now = await other.list(configMaps);
    const then = await other.list(configMaps, { resourceVersion: before.resourceVersion });
    expect([before, now, then].map(({ items }) => items.length)).toEqual([1_050, 1_049, 1_050]);
    expect(new Set(then.items.map((item) => item.metadata.name))).toEqual(new Set(names));
    await other.close();
  });

  it('ends a watch at its timeout, after the events and bookmarks of the object that was asked for', async () => {
    const { resourceVersion } = await client.list(configMaps);
    await client.apply(configMaps, { metadata: { name: 'watched' }, data: { text: 'größer 🪽' } });
    await client.apply(configMaps, { metadata: { name: 'other' }, data: {} });
    const events = await drain(watchFrom(resourceVersion));
    const objects = events.flatMap((event) => (event.type === 'bookmark' ? [] : [event.object.data]));
    expect(objects).toEqual([{ text: 'größer 🪽' }]);
  });

  it('refuses an account without rights, and a token that it does not know', async () => {
    await namespace.kubectl(['create', 'serviceaccount', 'nobody']);
    const token = (await namespace.kubectl(['create', 'token', 'nobody'])).trim();
    for (const [bearer, status] of [
      [token, 403],
      ['wrong', 401],
    ] as const) {
      const config = JSON.parse(readFileSync(kubeconfig, 'utf8'));
      config.users[0].user = { token: bearer };
      const file = writeFileInTemporary(JSON.stringify(config));
      const stranger = createKubeClient({ kubeconfig: file.path, namespace: namespace.name, fieldManager: 'tester' });
      await expect(stranger.get(configMaps, 'life')).rejects.toMatchObject({ status });
      await stranger.close();
      file.remove();
    }
  });

  it('shows an Event where people look for it', async () => {
    const object = await client.apply(routes, route('eventful'));
    await client.createEvent({
      regarding: {
        apiVersion: 'talaria.dev/v1alpha1',
        kind: 'Route',
        name: 'eventful',
        uid: object.metadata.uid ?? '',
      },
      type: 'Warning',
      reason: 'Tested',
      action: 'Test',
      note: 'a note for people',
    });
    expect(await namespace.kubectl(['describe', 'routes.talaria.dev', 'eventful'])).toContain('a note for people');
  });

  it('gives the uid of the namespace', async () => {
    const uid = await namespace.kubectl(['get', 'namespace', namespace.name, '-o', 'jsonpath={.metadata.uid}']);
    expect(await client.namespaceUid()).toBe(uid);
  });
});

const time = '2026-01-01T00:00:00Z';

function clientAs(fieldManager: string): KubeClient {
  return createKubeClient({ kubeconfig, namespace: namespace.name, fieldManager });
}

function route(name: string) {
  const rule = { name: 'r', matches: [{ platform: 'api', chatId: 'c' }], agentRefs: [{ name: 'a' }] };
  return { metadata: { name }, spec: { rules: [rule] } };
}

function watchFrom(resourceVersion: string) {
  return client.watch<ConfigMap>(configMaps, {
    resourceVersion,
    fieldSelector: 'metadata.name=watched',
    timeoutSeconds: 2,
    silenceMs: 30_000,
    signal: AbortSignal.timeout(30_000),
  });
}

async function drain<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

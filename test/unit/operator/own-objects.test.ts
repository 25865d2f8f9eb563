import { describe, expect, it } from 'vitest';
import { KubeError } from '../../../core/kube/kube-error.ts';
import { type ConfigMap, configMaps } from '../../../core/kube/resources.ts';
import type { KubeClient } from '../../../core/kube/types.ts';
import { createOwnObjects } from '../../../operator/own-objects.ts';

/** An API server for ConfigMaps with versions and 409. */
function apiServer() {
  const stored = new Map<string, ConfigMap>();
  let version = 0;
  let reads = 0;
  const put = (object: ConfigMap): ConfigMap => {
    version += 1;
    const made = { ...object, metadata: { ...object.metadata, uid: 'uid', resourceVersion: String(version) } };
    stored.set(object.metadata.name, made);
    return made;
  };
  const refuse = (reason: string) => Promise.reject(new KubeError({ status: 409, reason, message: 'no' }));
  const client = {
    get: async (_resource: unknown, name: string) => {
      reads += 1;
      return stored.get(name);
    },
    create: async (_resource: unknown, object: ConfigMap) =>
      stored.has(object.metadata.name) ? await refuse('AlreadyExists') : put(object),
    replace: async (_resource: unknown, object: ConfigMap) => {
      const current = stored.get(object.metadata.name)?.metadata.resourceVersion;
      return object.metadata.resourceVersion === current ? put(object) : await refuse('Conflict');
    },
  } as unknown as Pick<KubeClient, 'get' | 'create' | 'replace'>;
  return { client, stored, put, reads: () => reads, remove: (name: string) => stored.delete(name) };
}

function setUp(leads = true) {
  const server = apiServer();
  const objects = createOwnObjects({
    client: server.client,
    resource: configMaps,
    names: ['one', 'two'],
    ownerReferences: () => [],
    demandLeadership: () => {
      if (!leads) throw new Error('not the leader');
    },
  });
  return { ...server, objects };
}

const named = (name: string, text: string): ConfigMap => ({ metadata: { name }, data: { text } });

describe('the objects that only the leader writes', () => {
  it('are created, then replaced at the version that is known', async () => {
    const { objects, stored } = setUp();
    await objects.load();
    await objects.write('one', { data: { text: 'a' } });
    await objects.write('one', { data: { text: 'b' } });
    expect(stored.get('one')?.data).toEqual({ text: 'b' });
    expect(objects.get('one')?.data).toEqual({ text: 'b' });
  });

  it('refuse a write on an old picture, until it is read again', async () => {
    const { objects, put, stored } = setUp();
    put(named('one', 'a'));
    await objects.load();
    put(named('one', 'edited'));
    await expect(objects.write('one', { data: { text: 'b' } })).rejects.toMatchObject({ status: 409 });
    await objects.load();
    await objects.write('one', { data: { text: 'b' } });
    expect(stored.get('one')?.data).toEqual({ text: 'b' });
  });

  it('are not written by who does not lead', async () => {
    const { objects, stored } = setUp(false);
    await expect(objects.write('one', { data: {} })).rejects.toThrow('not the leader');
    expect(stored.size).toBe(0);
  });

  it('are read again when the watch reports what we did not write, and not for our own writes, however late', async () => {
    const { objects, put, stored, reads } = setUp();
    await objects.load();
    await objects.write('one', { data: { text: 'a' } });
    const first = stored.get('one') as ConfigMap;
    await objects.write('one', { data: { text: 'b' } });
    expect(objects.observe({ type: 'added', object: first })).toBe(false);
    expect(objects.observe({ type: 'modified', object: stored.get('one') as ConfigMap, previous: first })).toBe(false);
    const before = reads();
    await objects.refresh();
    expect(reads()).toBe(before);

    const edited = put(named('one', 'edited'));
    expect(objects.observe({ type: 'modified', object: edited, previous: first })).toBe(true);
    await objects.refresh();
    expect(objects.get('one')?.data).toEqual({ text: 'edited' });
  });

  it('are known to be gone when somebody deletes them', async () => {
    const { objects, stored, remove } = setUp();
    await objects.load();
    await objects.write('one', { data: {} });
    const object = stored.get('one') as ConfigMap;
    remove('one');
    expect(objects.observe({ type: 'deleted', object })).toBe(true);
    await objects.refresh();
    expect(objects.get('one')).toBeUndefined();
  });

  it('are told apart from all others by their names', async () => {
    const { objects } = setUp();
    await objects.load();
    expect(objects.observe({ type: 'added', object: named('three', 'a') })).toBe(false);
  });
});

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createKubeClient } from '../../../core/kube/client.ts';
import { isExpired } from '../../../core/kube/kube-error.ts';
import { createReflector, type Reflector, type ReflectorTiming } from '../../../core/kube/reflector.ts';
import { type ConfigMap, configMaps } from '../../../core/kube/resources.ts';
import type { KubeClient } from '../../../core/kube/types.ts';
import { systemClock } from '../../../core/lib/clock.ts';
import { createLogger } from '../../../core/lib/log.ts';
import { type ControlPlane, startControlPlane } from '../../harness/control-plane.ts';
import { createNamespace } from '../../harness/namespace.ts';
import { waitFor } from '../../harness/wait-for.ts';

/** A control plane of its own: these tests stop and freeze it, and compact its etcd. */
let controlPlane: ControlPlane;
let client: KubeClient;
let reflector: Reflector<ConfigMap>;
let seen: string[];
let failures: number;
let missed: number;

beforeAll(async () => {
  controlPlane = await startControlPlane();
});

afterAll(() => controlPlane.stop());

beforeEach(async () => {
  const { kubeconfig } = controlPlane;
  const { name } = await createNamespace(kubeconfig);
  client = createKubeClient({ kubeconfig, namespace: name, fieldManager: 'tester', deadlineMs: 2_000 });
  seen = [];
  failures = 0;
  missed = 0;
});

afterEach(async () => {
  await reflector.stop();
  await client.close();
});

describe('a reflector on a real API server', () => {
  it('sees every change of the object that it was asked for, and no other', async () => {
    await start({});
    await client.apply(configMaps, { metadata: { name: 'other' }, data: { value: '0' } });
    for (const value of ['1', '2', '3']) await put(value);
    await client.delete(configMaps, 'one');
    await sees('added 1', 'modified 2', 'modified 3', 'deleted 3');
  });

  it('goes on after each of many watches that the server ended, and misses nothing', async () => {
    await start({ minWatchSeconds: 1, maxWatchSeconds: 1, healthyAfterMs: 500, relistMs: 0 });
    for (let value = 1; value <= 40; value += 1) {
      await put(String(value));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await waitFor('the last value', () => reflector.get('one')?.data?.value === '40');
    expect([failures, missed]).toEqual([0, 0]);
  });

  it('finds its way again after the API server was killed and started anew', async () => {
    await start({});
    await put('before');
    await sees('added before');
    await controlPlane.stopApiServer();
    await waitFor('a failure', () => failures > 0);
    await controlPlane.startApiServer();
    await put('after');
    await sees('added before', 'modified after');
  });

  it('finds its way again when its version was compacted away meanwhile', async () => {
    await start({});
    await put('before');
    await sees('added before');
    const { resourceVersion } = await client.list(configMaps);
    for (const value of ['1', '2']) await client.apply(configMaps, { metadata: { name: 'other' }, data: { value } });
    await controlPlane.stopApiServer();
    await compactEtcd();
    await controlPlane.startApiServer();
    await waitFor('the delete to succeed', () => client.delete(configMaps, 'one'));
    await sees('added before', 'deleted before');
    const listed = await client.list(configMaps, { resourceVersion }).catch((error: unknown) => error);
    const watched = await firstEventFrom(resourceVersion).catch((error: unknown) => error);
    expect([isExpired(listed), isExpired(watched)]).toEqual([true, true]);
  });

  it('waits for an API server that is frozen, and follows when it thaws', async () => {
    controlPlane.pause();
    const started = create({});
    started.start();
    await waitFor('a deadline to pass', () => failures > 0);
    expect(started.synced()).toBe(false);
    controlPlane.resume();
    await started.whenSynced(AbortSignal.timeout(30_000));
    await put('1');
    await sees('added 1');
  });
});

function create(timing: Partial<ReflectorTiming>): Reflector<ConfigMap> {
  reflector = createReflector<ConfigMap>({
    client,
    resource: configMaps,
    fieldSelector: 'metadata.name=one',
    onChange: (change) => {
      seen.push(`${change.type} ${change.object.data?.value}`);
    },
    onFailure: () => {
      failures += 1;
    },
    onMissed: (count) => {
      missed += count;
    },
    log: createLogger('test', 'silent'),
    clock: systemClock,
    timing,
  });
  return reflector;
}

async function start(timing: Partial<ReflectorTiming>): Promise<void> {
  create(timing).start();
  await reflector.whenSynced(AbortSignal.timeout(30_000));
}

/** Retried, for an API server that has just started refuses some writes. */
async function put(value: string): Promise<void> {
  await waitFor('the write to succeed', () => client.apply(configMaps, { metadata: { name: 'one' }, data: { value } }));
}

async function sees(...expected: readonly string[]): Promise<void> {
  await waitFor('the changes', () => seen.length >= expected.length, { timeoutMs: 60_000 }).catch(() => undefined);
  expect(seen).toEqual(expected);
}

async function firstEventFrom(resourceVersion: string): Promise<unknown> {
  const signal = AbortSignal.timeout(30_000);
  const options = { resourceVersion, timeoutSeconds: 5, silenceMs: 10_000, signal };
  for await (const event of client.watch(configMaps, options)) return event;
  return undefined;
}

async function compactEtcd(): Promise<void> {
  const call = async (path: string, body: object) => {
    const answer = await fetch(`${controlPlane.etcdUrl}${path}`, { method: 'POST', body: JSON.stringify(body) });
    return (await answer.json()) as { header: { revision: string } };
  };
  const { header } = await call('/v3/kv/range', { key: Buffer.from('/').toString('base64') });
  await call('/v3/kv/compaction', { revision: header.revision });
}

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKubeClient } from '../../../../core/kube/client.ts';
import type { Change } from '../../../../core/kube/object-store.ts';
import { createReflector, type Reflector, type ReflectorTiming } from '../../../../core/kube/reflector.ts';
import { type ConfigMap, configMaps } from '../../../../core/kube/resources.ts';
import type { KubeClient } from '../../../../core/kube/types.ts';
import { systemClock } from '../../../../core/lib/clock.ts';
import { createLogger } from '../../../../core/lib/log.ts';
import { waitFor } from '../../../harness/wait-for.ts';
import { type FakeApiServer, type Fault, faults, sendEvent, startFakeApiServer } from './fake-api-server.ts';

let server: FakeApiServer;
let client: KubeClient;
let reflector: Reflector<ConfigMap> | undefined;
/** What the handler saw, such as `added a=1`. */
let seen: string[];
let missed: number;
let failures: unknown[];

const fastTiming = { backoffBaseMs: 5, backoffMaxMs: 20, healthyAfterMs: 20 };

beforeEach(async () => {
  server = await startFakeApiServer();
  client = createKubeClient({ kubeconfig: server.kubeconfig, fieldManager: 'tester', deadlineMs: 500 });
  seen = [];
  missed = 0;
  failures = [];
});

afterEach(async () => {
  await reflector?.stop();
  await client.close();
  await server.stop();
});

describe('a reflector', () => {
  it('refuses to answer before everything was listed, then knows what is and what is not there', async () => {
    put('a', '1');
    const started = create();
    expect(() => started.get('a')).toThrow('not listed yet');
    expect(() => started.list()).toThrow('not listed yet');
    await start(started);
    expect(started.get('a')?.data).toEqual({ value: '1' });
    expect(started.get('b')).toBeUndefined();
    expect(started.list()).toHaveLength(1);
  });

  it('tells every change, one at a time and in order, also to a slow handler', async () => {
    put('a', '1');
    let busy = false;
    await start(
      create({
        onChange: async (change) => {
          expect(busy).toBe(false);
          busy = true;
          await new Promise((resolve) => setTimeout(resolve, 2));
          note(change);
          busy = false;
        },
      }),
    );
    put('b', '1');
    put('a', '2');
    put('a', '3');
    server.remove(configMaps, 'a');
    await sees('added a=1', 'added b=1', 'modified a=2', 'modified a=3', 'deleted a=3');
  });

  it('goes on when a handler throws', async () => {
    await start(
      create({
        onChange: (change) => {
          note(change);
          throw new Error('handler');
        },
      }),
    );
    put('a', '1');
    put('a', '2');
    await sees('added a=1', 'modified a=2');
  });

  it('watches one object by its name', async () => {
    put('other', '1');
    await start(create({ fieldSelector: 'metadata.name=a' }));
    put('other', '2');
    put('a', '1');
    await sees('added a=1');
    expect(reflector?.get('other')).toBeUndefined();
  });

  it('drops managed fields and keeps the rest', async () => {
    const metadata = { name: 'a', labels: { x: 'y' }, managedFields: [{ manager: 'kubectl' }] };
    server.put(configMaps, { metadata });
    await start(create());
    expect(reflector?.get('a')?.metadata).toMatchObject({ labels: { x: 'y' } });
    expect(reflector?.get('a')?.metadata).not.toHaveProperty('managedFields');
  });

  it('asks the server to end each watch after five to ten minutes', async () => {
    await start(create());
    await waitFor('a watch', () => server.openWatches() === 1);
    const seconds = Number(server.requests.find(({ verb }) => verb === 'watch')?.query.get('timeoutSeconds'));
    expect(seconds).toBeGreaterThanOrEqual(300);
    expect(seconds).toBeLessThanOrEqual(600);
  });

  it('stops while it lists, watches or waits', async () => {
    server.fail('list', 'configmaps', faults.silence);
    const listing = create();
    listing.start();
    await waitFor('the list request', () => server.requests.length === 1);
    await listing.stop();
    const watching = await start(create());
    await waitFor('a watch', () => server.openWatches() === 1);
    await watching.stop();
    await server.pause();
    const waiting = create({ timing: { backoffBaseMs: 60_000, backoffMaxMs: 60_000 } });
    waiting.start();
    await waitFor('a failed list', () => failures.length === 1);
    await waiting.stop();
    await server.resume();
  });

  it('rejects those who wait for the first list when they stop waiting', async () => {
    await expect(create().whenSynced(AbortSignal.abort())).rejects.toThrow('stopped before');
  });
});

describe('a reflector lists again and again', () => {
  it.each<[string, Fault]>([
    ['an inner error', faults.status(500, 'InternalError')],
    ['an overload', faults.status(429, 'TooManyRequests')],
    ['missing rights', faults.status(403, 'Forbidden')],
    ['a reset', faults.reset],
    ['garbage', faults.garbage],
    ['an expired page', faults.status(410, 'Expired')],
    ['silence', faults.silence],
  ])('after %s', async (_title, fault) => {
    put('a', '1');
    server.fail('list', 'configmaps', fault, fault);
    await start(create());
    expect(server.requests.filter(({ verb }) => verb === 'list')).toHaveLength(3);
    await sees('added a=1');
  });

  it('while nobody listens', async () => {
    put('a', '1');
    await server.pause();
    create().start();
    await waitFor('three failures', () => failures.length >= 3);
    expect(reflector?.synced()).toBe(false);
    await server.resume();
    await sees('added a=1');
  });
});

describe('a reflector goes on watching where it was', () => {
  it.each<[string, Fault]>([
    ['an inner error', faults.status(500, 'InternalError')],
    ['a reset', faults.reset],
    ['garbage', faults.garbage],
    ['an event that is cut off', faults.stream('{"type":"ADDED","object":{"metadata":{"name":"cu')],
    ['a stream that ends at once', (response) => response.writeHead(200).end()],
  ])('after %s', async (_title, fault) => {
    server.fail('watch', 'configmaps', fault, fault);
    const timing = { minWatchSeconds: 0, maxWatchSeconds: 0, silenceGraceMs: 100 };
    await start(create({ timing }));
    put('a', '1');
    await sees('added a=1');
    expect(server.requests.filter(({ verb }) => verb === 'list')).toHaveLength(1);
  });

  it('after the server ended it in order, and after its connection broke', async () => {
    await start(create());
    await waitFor('the first watch', () => server.openWatches() === 1);
    put('a', '1');
    await sees('added a=1');
    server.endWatches();
    put('a', '2');
    await sees('added a=1', 'modified a=2');
    server.resetWatches();
    put('a', '3');
    await sees('added a=1', 'modified a=2', 'modified a=3');
    expect(server.requests.filter(({ verb }) => verb === 'list')).toHaveLength(1);
  });

  it('from the last bookmark when nothing else came', async () => {
    server.fail('watch', 'configmaps', (response) => {
      response.writeHead(200);
      sendEvent(response, 'BOOKMARK', { metadata: { resourceVersion: '4711' } });
      response.end();
    });
    await start(create());
    await waitFor('the second watch', () => server.openWatches() === 1);
    expect(server.requests.at(-1)?.query.get('resourceVersion')).toBe('4711');
  });

  it('after a connection went silent for longer than the server lets a watch live', async () => {
    server.fail('watch', 'configmaps', faults.stream());
    await start(create({ timing: { minWatchSeconds: 0, maxWatchSeconds: 0, silenceGraceMs: 50 } }));
    put('a', '1');
    await sees('added a=1');
    expect(failures).toMatchObject([{ reason: 'Silence' }]);
  });

  it('not at once when the server ends every watch at once', async () => {
    const end: Fault = (response) => response.writeHead(200).end();
    server.fail('watch', 'configmaps', end, end, end);
    const startedAt = performance.now();
    await start(create({ timing: { backoffBaseMs: 40, backoffMaxMs: 40, healthyAfterMs: 1_000 } }));
    await waitFor('a watch that stays', () => server.openWatches() === 1);
    expect(performance.now() - startedAt).toBeGreaterThan(3 * 20);
  });
});

describe('a reflector that lost its place', () => {
  it.each<[string, Fault]>([
    ['told by an HTTP status', faults.status(410, 'Expired')],
    ['told by an event', faults.expiredEvent],
  ])('lists again, %s, and tells what happened meanwhile', async (_title, fault) => {
    put('kept', '1');
    put('changed', '1');
    put('gone', '1');
    put('remade', '1');
    await start(create());
    await waitFor('the first watch', () => server.openWatches() === 1);
    await server.pause();
    seen.splice(0);
    put('changed', '2');
    put('new', '1');
    server.remove(configMaps, 'gone');
    server.remove(configMaps, 'remade');
    put('remade', '2');
    server.fail('watch', 'configmaps', fault);
    await server.resume();
    await sees('deleted gone=1', 'modified changed=2', 'added new=1', 'deleted remade=1', 'added remade=2');
    expect(reflector?.list()).toHaveLength(4);
  });
});

describe('a periodic relist', () => {
  it('finds and counts what the watch lost', async () => {
    put('a', '1');
    await start(create({ timing: { relistMs: 0 } }));
    await waitFor('the first watch', () => server.openWatches() === 1);
    server.putSilently(configMaps, { metadata: { name: 'a' }, data: { value: '2' } } as ConfigMap);
    server.endWatches();
    await sees('added a=1', 'modified a=2');
    expect(missed).toBe(1);
  });

  it('looks at the version that the watch has reached, so that news are not taken for losses', async () => {
    put('a', '1');
    await start(create({ timing: { relistMs: 0 } }));
    await waitFor('the first watch', () => server.openWatches() === 1);
    const lists = server.requests.filter(({ verb }) => verb === 'list').map(({ query }) => query);
    expect(lists.map((query) => query.get('resourceVersionMatch'))).toEqual([null, 'Exact']);
    expect(lists[1]?.get('resourceVersion')).toBe('101');
    expect(missed).toBe(0);
  });

  it('starts from the newest state when the version has expired', async () => {
    server.fail('list', 'configmaps', (response) => {
      response.end('{"metadata":{"resourceVersion":"5"},"items":[]}');
    });
    server.fail('list', 'configmaps', faults.status(410, 'Expired'));
    put('a', '1');
    await start(create({ timing: { relistMs: 0 } }));
    await sees('added a=1');
  });
});

interface Overrides {
  readonly onChange?: (change: Change<ConfigMap>) => void | Promise<void>;
  readonly fieldSelector?: string;
  readonly timing?: Partial<ReflectorTiming>;
}

function create(overrides: Overrides = {}): Reflector<ConfigMap> {
  reflector = createReflector<ConfigMap>({
    client,
    resource: configMaps,
    onChange: note,
    onFailure: (error) => failures.push(error),
    onMissed: (count) => {
      missed += count;
    },
    log: createLogger('test', 'silent'),
    clock: systemClock,
    ...overrides,
    timing: { ...fastTiming, ...overrides.timing },
  });
  return reflector;
}

async function start(created: Reflector<ConfigMap>): Promise<Reflector<ConfigMap>> {
  created.start();
  await created.whenSynced(AbortSignal.timeout(10_000));
  return created;
}

function put(name: string, value: string): void {
  server.put(configMaps, { metadata: { name }, data: { value } } as ConfigMap);
}

function note(change: Change<ConfigMap>): void {
  seen.push(`${change.type} ${change.object.metadata.name}=${change.object.data?.value}`);
}

async function sees(...expected: readonly string[]): Promise<void> {
  await waitFor(`${expected.length} changes`, () => seen.length >= expected.length).catch(() => undefined);
  expect(seen).toEqual(expected);
}

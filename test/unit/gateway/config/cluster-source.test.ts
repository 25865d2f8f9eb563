import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKubeClient } from '../../../../core/kube/client.ts';
import { configMaps, secrets } from '../../../../core/kube/resources.ts';
import type { KubeClient } from '../../../../core/kube/types.ts';
import { systemClock } from '../../../../core/lib/clock.ts';
import { sha256 } from '../../../../core/lib/hash.ts';
import { canonicalJson } from '../../../../core/lib/json.ts';
import { createLogger } from '../../../../core/lib/log.ts';
import { revisionOf } from '../../../../core/snapshot/encode.ts';
import {
  bucketName,
  bucketOf,
  credentialShardName,
  credentialShardOf,
  indexKey,
  logicalCredentialName,
  maxBuckets,
  snapshotIndexName,
} from '../../../../core/snapshot/names.ts';
import type { SnapshotContent, SnapshotIndex } from '../../../../core/snapshot/schema.ts';
import { type ClusterSourceOptions, createClusterSource } from '../../../../gateway/config/cluster-source.ts';
import type { ConfigSource, Configuration } from '../../../../gateway/config/source.ts';
import { waitFor } from '../../../harness/wait-for.ts';
import { type FakeApiServer, faults, startFakeApiServer } from '../../core/kube/fake-api-server.ts';
import { agentEntry, emptyContent, gatewayKeyEntry, manyRoutes, routeEntry } from '../../core/snapshot/contents.ts';
import { createPublisher, indexObject, type Publisher } from './stored-snapshot.ts';

let server: FakeApiServer;
let client: KubeClient;
let publisher: Publisher;
let folder: string;
let source: ConfigSource | undefined;
let applied: Configuration[];
let rejected: string[];

beforeEach(async () => {
  server = await startFakeApiServer();
  client = createKubeClient({ kubeconfig: server.kubeconfig, fieldManager: 'tester', deadlineMs: 1_000 });
  publisher = createPublisher();
  folder = mkdtempSync(path.join(os.tmpdir(), 'cluster-source-'));
  applied = [];
  rejected = [];
});

afterEach(async () => {
  await source?.stop();
  source = undefined;
  await client.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('a published snapshot', () => {
  it('is handed over whole, at the start and after each change', async () => {
    publish(routesContent('a'), 1);
    await start();
    await serves(1, 'a');
    publish(routesContent('a', 'b'), 2);
    await serves(2, 'a', 'b');
    publish(emptyContent, 3);
    await serves(3);
    expect(applied).toHaveLength(3);
    expect(applied.at(-1)?.snapshot).toMatchObject({ revision: publisher.revision(), content: emptyContent });
  });

  it('is handed over when it comes after the gateway', async () => {
    await start();
    await waitFor('the watch', () => server.openWatches() === 1);
    expect(applied).toEqual([]);
    publish(routesContent('a'), 1);
    await serves(1, 'a');
  });

  it('costs one read of one bucket when one Route of thousands changes, and keeps all other entries', async () => {
    const before = manyRoutes(2_000);
    publish(before, 1);
    await start();
    await served(1);
    const requestsBefore = server.requests.length;
    const routes = before.routes.map((route) => (route.name === 'route-7' ? { ...route, priority: 1 } : route));
    publish({ ...before, routes }, 2);
    await served(2);
    expect(server.requests.slice(requestsBefore).map(({ verb }) => verb)).toEqual(['get']);
    const old = new Set(applied[0]?.snapshot.content.routes);
    const kept = applied[1]?.snapshot.content.routes.filter((route) => old.has(route)) ?? [];
    expect(kept.length).toBeGreaterThan(1_800);
  });

  it('is read when its buckets are compressed', async () => {
    const text = 'long '.repeat(100_000);
    const agents = [agentEntry('a', { instructions: sha256(text) })];
    publish({ ...emptyContent, agents, texts: { [sha256(text)]: text } }, 1);
    await start();
    await served(1);
    expect(server.get(configMaps, bucketName(bucketOf('uid-agent-a', maxBuckets), 'a'))).toHaveProperty('binaryData');
    expect(applied[0]?.snapshot.content.texts[sha256(text)]).toBe(text);
  });

  it('that was overtaken is passed over for the newest one', async () => {
    publish(routesContent('a'), 1);
    await start();
    await serves(1, 'a');
    const [bucket2, index2] = publisher.next(routesContent('b'), 2);
    const [bucket3, index3] = publisher.next(routesContent('c'), 3);
    server.put(configMaps, bucket2 ?? indexObject(''));
    server.put(configMaps, bucket3 ?? indexObject(''));
    const bucketOf2 = bucketName(0, 'b');
    server.fail('get', bucketOf2, (response) => {
      server.put(configMaps, index3 ?? indexObject(''));
      faults.status(404, 'NotFound')(response, {} as never);
    });
    server.put(configMaps, index2 ?? indexObject(''));
    await serves(3, 'c');
    expect(applied.map(({ snapshot }) => snapshot.sequence)).toEqual([1, 3]);
    expect(rejected).toEqual([]);
  });

  it('is handed over one at a time, and the newest of those that came meanwhile is next', async () => {
    let busy = 0;
    publish(routesContent('a'), 1);
    await start({}, async () => {
      busy += 1;
      expect(busy).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 100));
      busy -= 1;
    });
    await waitFor('the first to be in work', () => busy === 1);
    for (let sequence = 2; sequence <= 6; sequence += 1) publish(routesContent(`r${sequence}`), sequence);
    await serves(6, 'r6');
    expect(applied.length).toBeLessThan(6);
  });
});

describe('the last good snapshot stays in force', () => {
  beforeEach(async () => {
    publish(routesContent('good'), 100);
    await start();
    await serves(100, 'good');
  });

  afterEach(async () => {
    publish(routesContent('later'), 300);
    await serves(300, 'later');
  });

  it.each<[string, string, (index: SnapshotIndex) => unknown]>([
    ['has a newer major version', 'newer_major', (index) => ({ ...index, schema: { major: 2, minor: 0 } })],
    ['has a revision that is not its own', 'bad_hash', (index) => ({ ...index, revision: sha256('x') })],
    ['has a lower sequence', 'lower_sequence', (index) => ({ ...index, sequence: 99 })],
    ['has the sequence that is served and other content', 'lower_sequence', (i) => ({ ...i, sequence: 100 })],
    ['lacks a field', 'invalid', ({ sequence: _, ...index }) => index],
    ['is a list', 'invalid', () => []],
  ])('when the index %s', async (_title, reason, change) => {
    publish(routesContent('bad'), 200, (index) => canonicalJson(change(index)));
    await rejects(reason);
  });

  it('when the index is not JSON', async () => {
    server.put(configMaps, indexObject('{"schema":'));
    await rejects('invalid');
  });

  it('when the index is deleted', async () => {
    server.remove(configMaps, snapshotIndexName);
    publish(routesContent('again'), 200);
    await serves(200, 'again');
    expect(rejected).toEqual([]);
  });

  it('when a bucket is not the one that the index names, and it stays so', async () => {
    publish(routesContent('bad'), 200, (index) => {
      const buckets = [{ slot: 'b', sha256: sha256('other') }];
      return canonicalJson({ ...index, buckets, revision: revisionOf(1, [sha256('other')]) });
    });
    await rejects('bad_hash');
  });

  it('when a bucket is missing', async () => {
    const [, index] = publisher.next(routesContent('bad'), 200);
    server.put(configMaps, index ?? indexObject(''));
    await rejects('missing_bucket');
  });

  it('when a bucket with the right hash does not fit the schema', async () => {
    const text = '{"agents":[{"name":7}]}';
    server.put(configMaps, { metadata: { name: bucketName(0, 'b') }, data: { 'bucket.json': text } } as never);
    publish(routesContent('bad'), 200, (index) => {
      const buckets = [{ slot: 'b', sha256: sha256(text) }];
      server.put(configMaps, { metadata: { name: bucketName(0, 'b') }, data: { 'bucket.json': text } } as never);
      return canonicalJson({ ...index, buckets, revision: revisionOf(1, [sha256(text)]) });
    });
    await rejects('invalid');
  });

  it('when a credential is missing', async () => {
    publish({ ...routesContent('bad'), gatewayKeys: [gatewayKeyEntry('team')] }, 200);
    await rejects('missing_credential');
  });
});

describe('a damaged snapshot', () => {
  it('is taken once its bucket is repaired, without a new index', async () => {
    const [bucket, index] = publisher.next(routesContent('a'), 1);
    server.put(configMaps, index ?? indexObject(''));
    await start();
    await waitFor('a refusal', () => rejected.length > 0);
    server.put(configMaps, bucket ?? indexObject(''));
    await serves(1, 'a');
  });

  it('is not counted when the bucket was only late', async () => {
    const [bucket, index] = publisher.next(routesContent('a'), 1);
    server.put(configMaps, index ?? indexObject(''));
    await start({ timing: { recheckMs: 200, repairMs: 60_000 } });
    const indexReads = () => server.requests.filter((request) => request.path.endsWith(`/${snapshotIndexName}`));
    await waitFor('the index to be read again', () => indexReads().length === 1);
    server.put(configMaps, bucket ?? indexObject(''));
    await serves(1, 'a');
    expect(rejected).toEqual([]);
  });

  it('that cannot be put in force leaves the last good one, and the next one is tried', async () => {
    publish(routesContent('a'), 1);
    await start({}, async ({ snapshot }) => {
      if (snapshot.sequence === 2) throw new Error('cannot compile');
    });
    await serves(1, 'a');
    publish(routesContent('b'), 2);
    await rejects('not_applied');
    publish(routesContent('c'), 3);
    await serves(3, 'c');
  });

  it('that could not be put in force is tried again, without a new index', async () => {
    publish(routesContent('a'), 1);
    let broken = true;
    await start({}, async ({ snapshot }) => {
      if (snapshot.sequence === 2 && broken) throw new Error('out of memory');
    });
    await serves(1, 'a');
    publish(routesContent('b'), 2);
    await rejects('not_applied');
    broken = false;
    await serves(2, 'b');
  });
});

describe('the API server', () => {
  it.each([
    ['answers a read with an error', faults.status(500, 'InternalError')],
    ['resets a read', faults.reset],
    ['answers a read with garbage', faults.garbage],
  ])('%s: the snapshot follows all the same', async (_title, fault) => {
    publish(routesContent('a'), 1);
    server.fail('get', bucketName(0, 'a'), fault, fault);
    await start();
    await serves(1, 'a');
    expect(rejected).toEqual([]);
  });

  it('goes and comes back: what was served goes on, and what changed meanwhile follows', async () => {
    publish(routesContent('a'), 1);
    await start();
    await serves(1, 'a');
    await server.pause();
    publish(routesContent('b'), 2);
    await server.resume();
    await serves(2, 'b');
  });
});

describe('credentials', () => {
  const keys = { ...emptyContent, gatewayKeys: [gatewayKeyEntry('team')] };

  it('are handed over together with the snapshot that names them, and no others', async () => {
    putCredentials({ 'team.key.v1': 'hash-1', 'other.key.v1': 'other' });
    publish(keys, 1);
    await start();
    await served(1);
    expect([...(applied[0]?.credentials ?? [])]).toEqual([['team.key.v1', 'hash-1']]);
  });

  it('are read again only when a name is new', async () => {
    putCredentials({ 'team.key.v1': 'hash-1' });
    publish(keys, 1);
    await start();
    await served(1);
    publish({ ...keys, routes: [routeEntry('r')] }, 2);
    await served(2);
    expect(gets('talaria-credentials')).toBe(1);
    putCredentials({ 'team.key.v1': 'hash-1', 'team.key.v2': 'hash-2' });
    publish({ ...keys, gatewayKeys: [{ ...gatewayKeyEntry('team'), credentials: ['team.key.v2'] }] }, 3);
    await served(3);
    expect(gets('talaria-credentials')).toBe(2);
    expect([...(applied.at(-1)?.credentials ?? [])]).toEqual([['team.key.v2', 'hash-2']]);
  });

  it('hold a snapshot back until every one of them is there', async () => {
    publish(keys, 1);
    await start();
    await waitFor('a refusal', () => rejected.includes('missing_credential'));
    expect(applied).toEqual([]);
    putCredentials({ 'team.key.v1': 'hash-1' });
    await served(1);
  });
});

describe('the local copy', () => {
  const localCopyDir = () => path.join(folder, 'copy');

  it('serves a restart without an API server, and gives way to what is newer', async () => {
    publish(manyRoutes(2_000), 1);
    await start({ localCopyDir: localCopyDir() });
    await served(1);
    await restartOffline({ localCopyDir: localCopyDir() });
    await served(1);
    expect(applied[0]?.snapshot.content.routes).toHaveLength(2_000);
    publish(routesContent('new'), 2);
    await server.resume();
    await serves(2, 'new');
    expect(rejected).toEqual([]);
  });

  it('serves when the API server is there and never answers', async () => {
    publish(routesContent('a'), 1);
    await start({ localCopyDir: localCopyDir() });
    await serves(1, 'a');
    await source?.stop();
    applied = [];
    server.fail('list', 'configmaps', faults.silence);
    await start({ localCopyDir: localCopyDir(), timing: { localCopyAfterMs: 50 } });
    await serves(1, 'a');
  });

  it('serves when the API server goes away in the middle of the start', async () => {
    publish(routesContent('a'), 1);
    await start({ localCopyDir: localCopyDir() });
    await serves(1, 'a');
    await source?.stop();
    applied = [];
    publish(routesContent('b'), 2);
    server.fail('get', bucketName(0, 'b'), ...Array.from({ length: 50 }, () => faults.reset));
    await start({ localCopyDir: localCopyDir() });
    await serves(1, 'a');
  });

  it('is not handed over again when the API server comes back with the same snapshot', async () => {
    publish(routesContent('a'), 1);
    await start({ localCopyDir: localCopyDir() });
    await serves(1, 'a');
    await restartOffline({ localCopyDir: localCopyDir() });
    await serves(1, 'a');
    await server.resume();
    await waitFor('the watch', () => server.openWatches() === 1);
    publish(routesContent('b'), 2);
    await serves(2, 'b');
    expect(applied.map(({ snapshot }) => snapshot.sequence)).toEqual([1, 2]);
  });

  it('serves a restart at which the published snapshot must be refused', async () => {
    publish(routesContent('a'), 5);
    await start({ localCopyDir: localCopyDir() });
    await serves(5, 'a');
    await source?.stop();
    applied = [];
    publish(routesContent('future'), 6, (index) => canonicalJson({ ...index, schema: { major: 9, minor: 0 } }));
    await start({ localCopyDir: localCopyDir() });
    await serves(5, 'a');
    expect(rejected).toEqual(['newer_major']);
  });

  it('takes credentials from the mounted folder and never holds them itself', async () => {
    putCredentials({ 'team.key.v1': 'secret-value' });
    publish({ ...emptyContent, gatewayKeys: [gatewayKeyEntry('team')] }, 1);
    await start({ localCopyDir: localCopyDir() });
    await served(1);
    const credentialsDir = mkdtempSync(path.join(folder, 'mounted-'));
    writeFileSync(path.join(credentialsDir, 'team.key.v1'), 'secret-value');
    await restartOffline({ localCopyDir: localCopyDir(), credentialsDir });
    await served(1);
    expect(applied[0]?.credentials.get('team.key.v1')).toBe('secret-value');
    const files = readdirSync(localCopyDir()).map((file) => readFileSync(path.join(localCopyDir(), file), 'utf8'));
    expect(files.length).toBeGreaterThan(1);
    expect(files.join()).not.toContain('secret-value');
    await server.resume();
  });

  it('is not served when it was damaged', async () => {
    publish(routesContent('a'), 1);
    await start({ localCopyDir: localCopyDir() });
    await serves(1, 'a');
    await source?.stop();
    const [bucket = ''] = readdirSync(localCopyDir()).filter((file) => file !== 'index.json');
    const file = path.join(localCopyDir(), bucket);
    writeFileSync(file, readFileSync(file, 'utf8').replace('"priority":0', '"priority":9'));
    applied = [];
    await server.pause();
    await start({ localCopyDir: localCopyDir() });
    publish(routesContent('b'), 2);
    await server.resume();
    await serves(2, 'b');
    expect(applied).toHaveLength(1);
  });

  async function restartOffline(options: Partial<ClusterSourceOptions>): Promise<void> {
    await source?.stop();
    applied = [];
    await server.pause();
    await start(options);
  }
});

async function start(
  options: Partial<ClusterSourceOptions> = {},
  apply: (configuration: Configuration) => Promise<void> = async () => undefined,
): Promise<void> {
  source = createClusterSource({
    client,
    log: createLogger('test', 'silent'),
    clock: systemClock,
    metrics: { rejected: (reason) => rejected.push(reason), missed: () => undefined },
    ...options,
    timing: { recheckMs: 20, repairMs: 100, ...options.timing },
  });
  await source.start(async (configuration) => {
    await apply(configuration);
    applied.push(configuration);
  });
}

function publish(content: SnapshotContent, sequence: number, edit?: (index: SnapshotIndex) => string): void {
  for (const object of publisher.next(content, sequence)) {
    const isIndex = object.metadata.name === snapshotIndexName;
    const text = object.data?.[indexKey] ?? '';
    server.put(configMaps, isIndex && edit !== undefined ? indexObject(edit(JSON.parse(text))) : object);
  }
}

function putCredentials(values: Readonly<Record<string, string>>): void {
  const shards = new Map<number, Record<string, string>>();
  for (const [name, value] of Object.entries(values)) {
    const shard = credentialShardOf(logicalCredentialName(name));
    shards.set(shard, { ...shards.get(shard), [name]: Buffer.from(value).toString('base64') });
  }
  for (const [shard, data] of shards) {
    server.put(secrets, { metadata: { name: credentialShardName(shard) }, data } as never);
  }
}

function routesContent(...names: readonly string[]): SnapshotContent {
  return { ...emptyContent, routes: names.map((name) => routeEntry(name)) };
}

async function served(sequence: number): Promise<void> {
  await waitFor(`sequence ${sequence}`, () => applied.at(-1)?.snapshot.sequence === sequence);
}

async function serves(sequence: number, ...routes: readonly string[]): Promise<void> {
  await served(sequence);
  expect(applied.at(-1)?.snapshot.content.routes.map((route) => route.name)).toEqual(routes);
}

async function rejects(reason: string): Promise<void> {
  await waitFor(`a refusal with ${reason}`, () => rejected.includes(reason));
  expect(applied.at(-1)?.snapshot.sequence).toBeLessThanOrEqual(100);
}

/** How many objects whose name starts so were read by name. */
function gets(prefix: string): number {
  return server.requests.filter(({ verb, path: at }) => verb === 'get' && path.posix.basename(at).startsWith(prefix))
    .length;
}

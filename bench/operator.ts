/**
 * The operator of one namespace at several sizes, up to the design size, on a real API server: cold start, memory, what
 * one change costs in time and in bytes, and how each grows with the number of objects. The operator is the bundle of
 * the image, started as the chart starts it; what acknowledges is the part of a gateway that takes snapshots. Budgets at
 * 10,000 objects: ready within 10 s, 200 MB resident when settled, nothing written by a restart but the name of the
 * leader; a change of one Route writes one bucket and the index. Options: --sizes 100,1000,10000,16000.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createKubeClient } from '../core/kube/client.ts';
import { agents, type ConfigMap, configMaps, cronJobs, routes } from '../core/kube/resources.ts';
import type { KubeClient, KubeObject } from '../core/kube/types.ts';
import { startControlPlane } from '../test/harness/control-plane.ts';
import { applyCrds } from '../test/harness/crds.ts';
import { installChart } from '../test/harness/install-chart.ts';
import { temporaryFolder } from '../test/harness/temporary-folder.ts';
import { waitFor } from '../test/harness/wait-for.ts';
import { anonymousMiB, type BundledOperator, bundle, peakMiB, startBundledOperator } from './bundled-operator.ts';
import { type Replica, startReplica } from './replica.ts';
import { cpuSeconds, residentMiB } from './roles.ts';
import { createWorld, objectsOf, route, rulesOfRoute, type Size, sizeOf } from './scale-world.ts';

const changes = 50;
const settleBudgetMs = 900_000;
/** After this long without work the engine has given back what it will. */
const idleMs = 20_000;
const namespace = 'default';

interface Bench {
  readonly client: KubeClient;
  readonly kubeconfig: string;
  readonly dist: string;
}

/** Milliseconds, MiB, counts and bytes of one size. */
interface Figures {
  readonly objects: number;
  readonly rules: number;
  readonly firstMs: number;
  readonly firstPeak: number;
  readonly restartMs: number;
  /** Processor time of the operator until it was ready, in seconds: other work on the machine hardly moves it. */
  readonly restartCpu: number;
  readonly restartPeak: number;
  readonly settled: number;
  /** What of it is the operator's own; the rest is the program of Node, which processes share. */
  readonly anonymous: number;
  readonly heap: number;
  readonly idleWrites: number;
  readonly publishedMs: number;
  readonly acknowledgedMs: number;
  readonly mapsWritten: number;
  readonly bytesWritten: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { sizes: { type: 'string', default: '100,1000,10000,16000' }, help: { type: 'boolean' } },
  });
  if (values.help === true) {
    process.stdout.write('--sizes N,N,...  how many objects, growing (default 100,1000,10000,16000)\n');
    return;
  }
  const sizes = values.sizes.split(',').map((text) => sizeOf(Number(text)));
  const folder = await temporaryFolder('bench-operator');
  const controlPlane = await startControlPlane();
  try {
    const { kubeconfig } = controlPlane;
    await applyCrds(kubeconfig);
    await installChart(kubeconfig, namespace);
    const dist = path.join(folder, 'dist');
    await bundle(dist);
    const client = createKubeClient({ kubeconfig, namespace, fieldManager: 'bench', deadlineMs: 60_000 });
    await measureAll({ client, kubeconfig, dist }, sizes);
    await client.close();
  } finally {
    await controlPlane.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Prints what is known after each size: the last ones take long. */
async function measureAll(bench: Bench, sizes: readonly Size[]): Promise<void> {
  const figures: Figures[] = [];
  let made: Size = { agents: 0, routes: 0, cronJobs: 0 };
  for (const size of sizes) {
    await createWorld(bench.client, made, size);
    made = size;
    process.stderr.write(`${objectsOf(size)} objects are made\n`);
    figures.push(await measure(bench, size));
    print(figures);
  }
}

async function measure(bench: Bench, size: Size): Promise<Figures> {
  const replica = startReplica(bench.client);
  try {
    const first = await forgetAndStart(bench, size);
    const { restarted, ...rest } = await restart(bench, size);
    const cost = await timeChanges(bench, size, replica);
    await restarted.stop();
    return { objects: objectsOf(size), rules: size.routes * rulesOfRoute, ...first, ...rest, ...cost };
  } finally {
    await replica.stop();
  }
}

/** The very first start: nothing is published and no object has a status of this content. */
async function forgetAndStart(bench: Bench, size: Size): Promise<Pick<Figures, 'firstMs' | 'firstPeak'>> {
  const maps = await snapshotMaps(bench.client);
  await Promise.all(maps.map(({ metadata }) => bench.client.delete(configMaps, metadata.name)));
  const operator = await startBundledOperator({ ...bench, podName: 'talaria-operator-0' });
  await allReady(bench.client, size);
  const firstPeak = peakMiB(operator.pid);
  await operator.stop();
  process.stderr.write(`all are ready\n`);
  return { firstMs: operator.readyMs, firstPeak };
}

async function restart(bench: Bench, size: Size) {
  const operator = await startBundledOperator({ ...bench, podName: 'talaria-operator-1' });
  const restartCpu = cpuSeconds(operator.pid);
  await delay(idleMs);
  const memory = {
    restartPeak: peakMiB(operator.pid),
    settled: residentMiB(operator.pid),
    anonymous: anonymousMiB(operator.pid),
  };
  const heap = (await operator.metric('nodejs_heap_size_used_bytes')) / 2 ** 20;
  await demandCounted(operator, objectsOf(size));
  const idleWrites =
    (await operator.metric('talaria_operator_status_writes_total')) +
    (await operator.metric('talaria_operator_publications_total'));
  return { restarted: operator, restartMs: operator.readyMs, restartCpu, ...memory, heap, idleWrites };
}

async function demandCounted(operator: BundledOperator, objects: number): Promise<void> {
  const counted = await operator.metric('talaria_operator_objects');
  if (counted !== objects) throw new Error(`the operator knows ${counted} objects of ${objects}`);
}

type Cost = Pick<Figures, 'publishedMs' | 'acknowledgedMs' | 'mapsWritten' | 'bytesWritten'>;

/** One changed Route after the other: the medians of the times, and the most that one of them wrote. */
async function timeChanges({ client }: Bench, size: Size, replica: Replica): Promise<Cost> {
  const [published, acknowledged, maps, bytes]: [number[], number[], number[], number[]] = [[], [], [], []];
  let before = versions(await snapshotMaps(client));
  for (let change = 0; change < changes; change += 1) {
    const sequence = replica.sequence();
    await client.apply(routes, route((change * 7919) % size.routes, size, objectsOf(size) + change));
    const answeredAt = performance.now();
    const { takenAt, acknowledgedAt } = await replica.beyond(sequence);
    published.push(takenAt - answeredAt);
    acknowledged.push(acknowledgedAt - answeredAt);
    const stored = await snapshotMaps(client);
    const written = stored.filter(({ metadata }) => before.get(metadata.name) !== metadata.resourceVersion);
    before = versions(stored);
    maps.push(written.length);
    bytes.push(written.reduce((sum, map) => sum + JSON.stringify(map.data ?? map.binaryData).length, 0));
    await delay(100);
  }
  return {
    publishedMs: median(published),
    acknowledgedMs: median(acknowledged),
    mapsWritten: Math.max(...maps),
    bytesWritten: Math.max(...bytes),
  };
}

async function snapshotMaps(client: KubeClient): Promise<readonly ConfigMap[]> {
  const { items } = await client.list(configMaps);
  return items.filter(({ metadata }) => metadata.name.startsWith('talaria-snapshot'));
}

function versions(maps: readonly ConfigMap[]): ReadonlyMap<string, string | undefined> {
  return new Map(maps.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
}

async function allReady(client: KubeClient, size: Size): Promise<void> {
  const ready = async () => {
    for (const resource of [agents, routes, cronJobs]) {
      const { items } = await client.list(resource);
      if (!items.every(isReady)) return false;
    }
    return true;
  };
  const options = { timeoutMs: settleBudgetMs, intervalMs: 2_000 };
  await waitFor(`${objectsOf(size)} objects to be ready`, ready, options);
}

interface WithStatus extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

function isReady(object: WithStatus): boolean {
  return object.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

function print(figures: readonly Figures[]): void {
  const rows = figures.map((figure) => ({
    objects: figure.objects,
    rules: figure.rules,
    'first start s': (figure.firstMs / 1000).toFixed(2),
    'restart s': (figure.restartMs / 1000).toFixed(2),
    'restart CPU s': figure.restartCpu.toFixed(1),
    'peak MiB, first': figure.firstPeak.toFixed(0),
    'peak MiB, restart': figure.restartPeak.toFixed(0),
    'settled MiB': figure.settled.toFixed(0),
    'anonymous MiB': figure.anonymous.toFixed(0),
    'heap MiB': figure.heap.toFixed(0),
    'writes by restart': figure.idleWrites,
    'published ms': figure.publishedMs.toFixed(1),
    'acknowledged ms': figure.acknowledgedMs.toFixed(1),
    'ConfigMaps written': figure.mapsWritten,
    'bytes written': figure.bytesWritten,
  }));
  console.table(rows);
  if (figures.length === 1) return;
  console.log(`growth: the power of the number of objects by which each figure grows from one size to the next`);
  console.table(figures.slice(1).map((figure, at) => growth(figures[at] ?? figure, figure)));
}

const grown = [
  'firstMs',
  'restartMs',
  'restartCpu',
  'firstPeak',
  'settled',
  'heap',
  'acknowledgedMs',
  'bytesWritten',
] as const;

function growth(from: Figures, to: Figures): Readonly<Record<string, string>> {
  const power = (name: keyof Figures) => Math.log(to[name] / from[name]) / Math.log(to.objects / from.objects);
  const powers = grown.map((name) => [name, power(name).toFixed(2)] as const);
  return { sizes: `${from.objects} to ${to.objects}`, ...Object.fromEntries(powers) };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

await main();

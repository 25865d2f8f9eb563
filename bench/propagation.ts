/**
 * From the API server's answer to the write of a Route until every one of three gateways serves it and has acknowledged
 * it, at 10 and at 5,000 Routes; and changes under load, with every answer checked. All of it real: kube-apiserver, etcd,
 * PostgreSQL, the operator and the gateways as processes of this machine. Budget: p50 < 30 ms and p99 < 100 ms at 5,000
 * Routes, and no failed request in 3,000 changes at 200 requests a second. A change needs two writes, one after the other,
 * before any gateway can know of it, and one more by each gateway; `one write` is what a single such write takes here and
 * now, so a machine that is slow or busy shows in both.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createCluster } from '../cli/cluster/cluster.ts';
import { createKubeClient } from '../core/kube/client.ts';
import { createReflector } from '../core/kube/reflector.ts';
import { agents, configMaps, type Lease, leases, routes } from '../core/kube/resources.ts';
import type { KubeClient, KubeObject, Written } from '../core/kube/types.ts';
import { systemClock } from '../core/lib/clock.ts';
import { createLogger } from '../core/lib/log.ts';
import { acknowledgementLeasePrefix, sequenceAnnotation } from '../core/snapshot/acknowledgement.ts';

const gatewayCount = 3;
const sizes = [10, 5_000];
const timedChanges = 300;
const loadedChanges = 3_000;
const requestsPerSecond = 200;
const patienceMs = 60_000;
/** The statuses of one change are written before the next one begins. */
const pauseMs = 200;
const bareWrites = 100;
/** About as long as a bucket at 5,000 Routes. */
const bareBytes = 25_000;

interface Bench {
  readonly client: KubeClient;
  readonly gateways: readonly string[];
  readonly apiKey: string;
  readonly acknowledged: Acknowledged;
}

/** The Leases of the gateways, as a watch brings them. */
interface Acknowledged {
  /** The lowest sequence that the gateways have acknowledged; 0 until all have. */
  readonly byAll: () => number;
  /** Resolves with the time (`performance.now`) at which the last gateway had acknowledged more than `sequence`. */
  readonly beyond: (sequence: number) => Promise<number>;
  readonly stop: () => Promise<void>;
}

async function main(): Promise<void> {
  const cluster = createCluster({
    replicas: gatewayCount,
    directory: undefined,
    say: (line) => process.stderr.write(`${line}\n`),
  });
  try {
    const { kubeconfig, apiKey, gateways } = await cluster.start();
    const client = createKubeClient({ kubeconfig, namespace: 'default', fieldManager: 'bench' });
    const acknowledged = watchAcknowledgements(client);
    const bench = { client, gateways, apiKey, acknowledged };
    await Promise.all(['left', 'right'].map((name) => client.create(agents, { metadata: { name } })));
    await measure(bench);
    await acknowledged.stop();
    await client.close();
  } finally {
    await cluster.stop();
  }
}

async function measure(bench: Bench): Promise<void> {
  const propagation: Record<string, string>[] = [];
  let made = 0;
  for (const size of sizes) {
    await createRoutes(bench, made, size);
    made = size;
    const write = quantile(await timeBareWrites(bench), 0.5);
    propagation.push({ routes: String(size), ...distribution(await timeChanges(bench, size)), 'one write': write });
  }
  console.log(
    `${timedChanges} changes: ms from the API server's answer until ${gatewayCount} gateways had acknowledged`,
  );
  console.table(propagation);
  const load = await changeUnderLoad(bench, made);
  console.log(`${loadedChanges} changes at ${requestsPerSecond} requests a second`);
  console.table([load]);
}

/** One change after the other. Each gives one Route another agent, and every gateway is asked whether it follows. */
async function timeChanges(bench: Bench, size: number): Promise<number[]> {
  const times: number[] = [];
  for (let change = 0; change < timedChanges; change += 1) {
    const number = (change * 7919) % size;
    const agent = change % 2 === 0 ? 'right' : 'left';
    const before = bench.acknowledged.byAll();
    const served = bench.acknowledged.beyond(before);
    await bench.client.apply(routes, route(number, agent, change));
    const answeredAt = performance.now();
    times.push((await served) - answeredAt);
    await demandServed(bench, number, agent);
    await delay(pauseMs);
  }
  return times;
}

/** Writes of a ConfigMap of the size of a bucket, by nobody in particular. */
async function timeBareWrites({ client }: Bench): Promise<number[]> {
  const times: number[] = [];
  let stored = await client.apply(configMaps, { metadata: { name: 'bench-bare' }, data: {} });
  for (let write = 0; write < bareWrites; write += 1) {
    const startedAt = performance.now();
    stored = await client.replace(configMaps, { ...stored, data: { text: `${write}`.padEnd(bareBytes, '"x') } });
    times.push(performance.now() - startedAt);
  }
  return times;
}

/** Changes of Routes between two agents that both serve, while messages go to them: each must be answered by either. */
async function changeUnderLoad(bench: Bench, size: number): Promise<Record<string, string>> {
  const failures: string[] = [];
  const latencies: number[] = [];
  const open = new Set<Promise<void>>();
  const startedAt = performance.now();
  let sent = 0;
  const ticker = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) * requestsPerSecond) / 1000);
    for (; sent < due; sent += 1) {
      const call = ask(bench, sent, size, latencies).catch((error: unknown) => void failures.push(String(error)));
      open.add(call);
      void call.finally(() => open.delete(call));
    }
  }, 5);
  for (let change = 0; change < loadedChanges; change += 1) {
    await bench.client.apply(routes, route(change % size, change % 2 === 0 ? 'left' : 'right', 1_000 + change));
  }
  const seconds = (performance.now() - startedAt) / 1000;
  clearInterval(ticker);
  await Promise.all(open);
  for (const failure of failures.slice(0, 5)) console.log(failure);
  if (failures.length > 0) process.exitCode = 1;
  return {
    changes: String(loadedChanges),
    seconds: seconds.toFixed(0),
    'changes/s': (loadedChanges / seconds).toFixed(0),
    requests: String(sent),
    failed: String(failures.length),
    'answer p50 ms': quantile(latencies, 0.5),
    'answer p99 ms': quantile(latencies, 0.99),
  };
}

async function ask(bench: Bench, number: number, size: number, latencies: number[]): Promise<void> {
  const startedAt = performance.now();
  const answer = await fetch(`${bench.gateways[number % bench.gateways.length]}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${bench.apiKey}`,
      'content-type': 'application/json',
      'x-talaria-chat-id': chatId(number % size),
    },
    body: JSON.stringify({ model: 'any', messages: [{ role: 'user', content: 'Are you there?' }] }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await answer.text();
  const agent = answer.headers.get('x-talaria-agent');
  latencies.push(performance.now() - startedAt);
  if (answer.status !== 200) throw new Error(`HTTP ${answer.status}: ${text.slice(0, 200)}`);
  if (agent !== 'left' && agent !== 'right') throw new Error(`answered by ${agent}`);
}

/** Every gateway must say that the Route's chat is now answered by this agent. */
async function demandServed({ gateways, apiKey }: Bench, number: number, agent: string): Promise<void> {
  for (const gateway of gateways) {
    const answer = await fetch(`${gateway}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${apiKey}`,
        'content-type': 'application/json',
        'x-talaria-chat-id': chatId(number),
      },
      body: JSON.stringify({ model: 'any', messages: [{ role: 'user', content: 'Who are you?' }] }),
    });
    await answer.body?.cancel();
    const found = answer.headers.get('x-talaria-agent');
    if (found !== agent)
      throw new Error(`${gateway} answers as ${found}, the Route says ${agent} (HTTP ${answer.status})`);
  }
}

async function createRoutes({ client, acknowledged }: Bench, from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index);
  for (let at = 0; at < numbers.length; at += 50) {
    await Promise.all(numbers.slice(at, at + 50).map((number) => client.apply(routes, route(number, 'left', 0))));
  }
  process.stderr.write(`${to} Routes are made\n`);
  for (let calm = 0, last = 0; calm < 20; ) {
    await delay(250);
    const now = acknowledged.byAll();
    calm = now > 0 && now === last && (await allReady(client, to)) ? calm + 1 : 0;
    last = now;
  }
}

async function allReady(client: KubeClient, count: number): Promise<boolean> {
  const { items } = await client.list(routes);
  const ready = (items as readonly RouteStatus[]).filter(({ status }) =>
    status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
  );
  return ready.length === count;
}

interface RouteStatus extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** `turn` makes every write a change. */
function route(number: number, agent: string, turn: number): Written<KubeObject> {
  const rule = {
    name: `rule-${turn % 2}-${turn}`.slice(0, 40),
    matches: [{ platform: 'api', chatId: chatId(number) }],
    agentRefs: [{ name: agent }],
  };
  return { metadata: { name: `route-${number}` }, spec: { rules: [rule] } } as Written<KubeObject>;
}

function chatId(number: number): string {
  return `chat-${number}`;
}

function watchAcknowledgements(client: KubeClient): Acknowledged {
  const sequences = new Map<string, number>();
  const waiters = new Set<() => void>();
  const byAll = () => (sequences.size < gatewayCount ? 0 : Math.min(...sequences.values()));
  const reflector = createReflector<Lease>({
    client,
    resource: leases,
    onChange: ({ type, object: { metadata } }) => {
      if (!metadata.name.startsWith(acknowledgementLeasePrefix)) return;
      if (type === 'deleted') sequences.delete(metadata.name);
      else sequences.set(metadata.name, Number(metadata.annotations?.[sequenceAnnotation] ?? 0));
      for (const waiter of waiters) waiter();
    },
    log: createLogger('bench', 'silent'),
    clock: systemClock,
  });
  reflector.start();
  return {
    byAll,
    stop: reflector.stop,
    beyond: (sequence) => {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      const timer = setTimeout(() => reject(new Error('a change was not acknowledged within a minute')), patienceMs);
      const look = () => {
        if (byAll() <= sequence) return;
        clearTimeout(timer);
        waiters.delete(look);
        resolve(performance.now());
      };
      waiters.add(look);
      return promise;
    },
  };
}

function distribution(times: readonly number[]): Record<string, string> {
  const max = Math.max(...times).toFixed(1);
  return { p50: quantile(times, 0.5), p90: quantile(times, 0.9), p99: quantile(times, 0.99), max };
}

function quantile(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
}

await main();

/**
 * From the API server's answer to the write of a Secret until every one of two gateways uses the new value: the key of a
 * model, as its server sees it, and a gateway key, as its callers see it. During a rotation old and new are valid on both
 * sides, and requests go on all the time: none may fail. All of it real: kube-apiserver, etcd, PostgreSQL, the operator
 * and the gateways as processes of this machine.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createCluster } from '../cli/cluster/cluster.ts';
import { createKubeClient } from '../core/kube/client.ts';
import { agents, secrets } from '../core/kube/resources.ts';
import type { KubeClient, KubeObject, Written } from '../core/kube/types.ts';
import { printFacts } from './report.ts';

const gatewayCount = 2;
const patienceMs = 30_000;
/** What the operator removes of the rotation before is gone by then. */
const pauseMs = 300;

const help = `npm run bench -- rotation [options]

  --rotations N     of the model's key, and as many of the gateway key (100)
  --rate N          requests a second that go on meanwhile (100)
`;

const { values } = parseArgs({
  options: {
    rotations: { type: 'string', default: '100' },
    rate: { type: 'string', default: '100' },
    help: { type: 'boolean', default: false },
  },
});

/** A model server that answers with the number of the key it was called with. */
interface NumberingModel {
  readonly baseURL: string;
  readonly stop: () => void;
}

/** Requests that go on at a steady rate. */
interface Load {
  readonly sent: () => number;
  readonly failures: readonly string[];
  readonly stop: () => Promise<void>;
}

interface Bench {
  readonly client: KubeClient;
  readonly gateways: readonly string[];
  readonly rotations: number;
  /** The gateway key that callers have at the moment. */
  callerKey: string;
}

async function main(): Promise<void> {
  const model = await startModel();
  const cluster = createCluster({
    replicas: gatewayCount,
    directory: undefined,
    say: (line) => process.stderr.write(`${line}\n`),
  });
  try {
    const { kubeconfig, gateways } = await cluster.start();
    const client = createKubeClient({ kubeconfig, namespace: 'default', fieldManager: 'bench' });
    await measure({ client, gateways, rotations: Number(values.rotations), callerKey: gatewayKey(0) }, model.baseURL);
    await client.close();
  } finally {
    await cluster.stop();
    model.stop();
  }
}

async function measure(bench: Bench, baseURL: string): Promise<void> {
  const { client, gateways, rotations } = bench;
  await writeModelKey(client, 0);
  await writeGatewayKey(client, 0);
  const apiKeySecretRef = { name: 'bench-model' };
  const spec = { model: { provider: 'openai-compatible', name: 'm', baseURL, apiKeySecretRef, maxRetries: 0 } };
  await client.apply(agents, { metadata: { name: 'bench' }, spec } as Written<KubeObject>);
  await untilAll(gateways, (gateway) => ask(gateway, gatewayKey(0)).then((answer) => answer === '0'));

  const load = startLoad(bench, Number(values.rate));
  const modelKey = await rotate(
    rotations,
    (turn) => writeModelKey(client, turn),
    (turn) => untilAll(gateways, async (gateway) => (await ask(gateway, bench.callerKey)) === String(turn)),
  );
  const apiKey = await rotate(
    rotations,
    (turn) => writeGatewayKey(client, turn),
    async (turn) => {
      await untilAll(gateways, (gateway) => ask(gateway, gatewayKey(turn)).then(isAnswer));
      bench.callerKey = gatewayKey(turn);
    },
  );
  await load.stop();

  console.log(`ms from the API server's answer until ${gatewayCount} gateways used the new value`);
  console.table([
    { secret: 'key of a model', ...distribution(modelKey) },
    { secret: 'gateway key', ...distribution(apiKey) },
  ]);
  for (const failure of load.failures.slice(0, 5)) console.log(failure);
  printFacts([
    ['rotations', 2 * rotations],
    ['requests meanwhile', load.sent()],
    ['failed', load.failures.length],
  ]);
  if (load.failures.length > 0) process.exitCode = 1;
}

/** How long each rotation took. */
async function rotate(
  rotations: number,
  write: (turn: number) => Promise<unknown>,
  untilUsed: (turn: number) => Promise<void>,
): Promise<number[]> {
  const times: number[] = [];
  for (let turn = 1; turn <= rotations; turn += 1) {
    await write(turn);
    const answeredAt = performance.now();
    await untilUsed(turn);
    times.push(performance.now() - answeredAt);
    await delay(pauseMs);
  }
  return times;
}

/** Resolves when each gateway has passed the test; it is put to each again and again. */
async function untilAll(gateways: readonly string[], test: (gateway: string) => Promise<boolean>): Promise<void> {
  const patience = AbortSignal.timeout(patienceMs);
  const passes = async (gateway: string) => {
    while (!(await test(gateway).catch(() => false))) {
      if (patience.aborted) throw new Error(`${gateway} did not use the new value within ${patienceMs / 1_000} s`);
      await delay(1);
    }
  };
  await Promise.all(gateways.map(passes));
}

function startLoad(bench: Bench, rate: number): Load {
  const failures: string[] = [];
  const open = new Set<Promise<void>>();
  const startedAt = performance.now();
  let sent = 0;
  const ticker = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) * rate) / 1_000);
    for (; sent < due; sent += 1) {
      const gateway = bench.gateways[sent % bench.gateways.length] ?? '';
      const call = ask(gateway, bench.callerKey)
        .then((answer) => {
          if (!isAnswer(answer)) throw new Error(answer);
        })
        .catch((error: unknown) => void failures.push(String(error)));
      open.add(call);
      void call.finally(() => open.delete(call));
    }
  }, 5);
  return {
    sent: () => sent,
    failures,
    stop: async () => {
      clearInterval(ticker);
      await Promise.all(open);
    },
  };
}

/** What the model answered, or the status and body of a refusal. */
async function ask(gateway: string, key: string): Promise<string> {
  const answer = await fetch(`${gateway}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'talaria/bench', messages: [{ role: 'user', content: 'Which key?' }] }),
    signal: AbortSignal.timeout(10_000),
  });
  const body = await answer.text();
  if (answer.status !== 200) return `HTTP ${answer.status}: ${body.slice(0, 200)}`;
  return (JSON.parse(body) as { choices: readonly [{ message: { content: string } }] }).choices[0].message.content;
}

function isAnswer(text: string): boolean {
  return /^\d+$/.test(text);
}

async function startModel(): Promise<NumberingModel> {
  const server: Server = createServer(async (request, response) => {
    await text(request);
    const content = /^Bearer model-key-(\d+)$/.exec(request.headers.authorization ?? '')?.[1];
    response.writeHead(content === undefined ? 401 : 200, { 'content-type': 'application/json' });
    const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }];
    response.end(JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'm', choices }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function writeModelKey(client: KubeClient, turn: number): Promise<void> {
  const labels = { 'talaria.dev/credentials': 'true' };
  await client.apply(secrets, {
    metadata: { name: 'bench-model', labels },
    data: { key: encode(`model-key-${turn}`) },
  });
}

async function writeGatewayKey(client: KubeClient, turn: number): Promise<void> {
  const labels = { 'talaria.dev/gateway-key': 'true' };
  const annotations = { 'talaria.dev/agents': 'bench', 'talaria.dev/role': 'client' };
  const data = { key: encode(gatewayKey(turn)), previousKey: encode(gatewayKey(Math.max(0, turn - 1))) };
  await client.apply(secrets, { metadata: { name: 'bench-caller', labels, annotations }, data });
}

function gatewayKey(turn: number): string {
  return `gateway-key-${String(turn).padStart(32, '0')}`;
}

function encode(value: string): string {
  return Buffer.from(value).toString('base64');
}

function distribution(times: readonly number[]): Record<string, string> {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

if (values.help) process.stdout.write(help);
else await main();

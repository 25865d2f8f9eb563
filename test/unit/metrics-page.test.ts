import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { collectDefaultMetrics, type Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorTable } from '../../core/lib/errors.ts';
import { missedReasons } from '../../core/schedule/outcome.ts';
import { rejectionReasons } from '../../core/snapshot/decode.ts';
import { modelFailures } from '../../gateway/agent/models/port.ts';
import { createMetrics } from '../../gateway/metrics.ts';
import { addTracingMetrics } from '../../gateway/tracing/open-telemetry.ts';
import { dropReasons } from '../../gateway/tracing/span-queue.ts';
import { createOperatorMetrics } from '../../operator/metrics.ts';
import { ask, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type MockModel, startMockModel } from '../harness/mock-model.ts';
import { temporaryFolder } from '../harness/temporary-folder.ts';
import { waitFor } from '../harness/wait-for.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../docs/metrics.md'), 'utf8');
const listed = [...page.matchAll(/^\| `(talaria_\w+)` \| (\w+) \| ([\w, ]*?) *\| /gm)].map(
  ([, name = '', type = '', labels = '']) => ({ name, type, labels: labels.split(', ').filter(Boolean).sort() }),
);

const metrics = createMetrics();
const operator = createOperatorMetrics();
let mock: MockModel;
let gateway: TestGateway;
let homesDir: string;

beforeAll(async () => {
  mock = await startMockModel();
  collectDefaultMetrics({ register: metrics.registry });
  addTracingMetrics(metrics.registry);
  const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const;
  homesDir = await temporaryFolder('metrics');
  gateway = await startTestGateway({
    metrics,
    homesDir,
    serves: {
      agents: [
        { name: 'echo', default: true },
        { name: 'remote', model },
      ],
      gatewayKeys: [{ name: 'all', key: 'k' }],
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  await mock.stop();
  await rm(homesDir, { recursive: true, force: true });
});

describe('docs/metrics.md', () => {
  it('lists every metric of gateway and operator with its type and labels, and no other', async () => {
    const exported = [...(await metricsOf(metrics.registry)), ...(await metricsOf(operator.registry))];
    expect(exported.length).toBeGreaterThan(40);
    expect(sorted(listed)).toEqual(sorted(exported));
  });

  it('leaves out only what Node.js itself says, and both processes say it', async () => {
    for (const { registry } of [metrics, operator]) {
      const others = (await registry.getMetricsAsJSON()).filter(({ name }) => !name.startsWith('talaria_'));
      expect(others.length).toBeGreaterThan(20);
      expect(others.filter(({ name }) => !/^(process|nodejs)_/.test(name))).toEqual([]);
    }
  });
});

describe('the series of a gateway', () => {
  it('do not grow with what clients send: paths, models, ids, keys, headers', async () => {
    await sendStrangeThings('uno', 20);
    const before = await seriesOf(metrics.registry);
    await sendStrangeThings('due', 40);
    const after = await seriesOf(metrics.registry);
    expect(after).toEqual(before);
    expect(after.join('\n')).not.toMatch(/uno|due|ses_|run_[0-9a-f]/);
  });

  it('have words of fixed lists and names of the namespace as labels', async () => {
    mock.next({ kind: 'fail', status: 500 }, { kind: 'fail', status: 401 }, { kind: 'fail', status: 429 });
    for (let at = 0; at < 3; at += 1) await ask(gateway.url, { key: 'k', model: 'talaria/remote' });
    const allowed: Readonly<Record<string, RegExp>> = {
      agent: /^(echo|remote)$/,
      host: /^(echo|127\.0\.0\.1:\d+)$/,
      outcome: oneOf(['ok', 'aborted', 'completed', ...modelFailures, ...Object.keys(errorTable)]),
      code: oneOf(['', ...Object.keys(errorTable)]),
      status: /^([1-5]\d\d|queued|running|waiting_for_approval|stopping)$/,
      path: /^(none|(\/:?[a-z_.0-9-]+)+|\*)$/,
      direction: /^(input|output)$/,
      limit: /^(key\.)?(requestsPerMinute|tokensPerDay|maxConcurrentRuns)$/,
      reason: oneOf([...rejectionReasons, ...missedReasons, ...dropReasons]),
    };
    const labels = (await metrics.registry.getMetricsAsJSON())
      .filter(({ name }) => name.startsWith('talaria_'))
      .flatMap(({ values }) => values.flatMap((value) => Object.entries(value.labels)))
      .filter(([name]) => name !== 'le');
    const foreign = labels.filter(([name, value]) => allowed[name]?.test(String(value)) !== true);
    expect(labels.length).toBeGreaterThan(20);
    expect(foreign).toEqual([]);
  });

  it('tell whether the model of an Agent answers', async () => {
    mock.next({ kind: 'fail', status: 401 });
    await ask(gateway.url, { key: 'k', model: 'talaria/remote' });
    const host = new URL(mock.baseURL).host;
    expect(await text()).toContain(`talaria_model_healthy{agent="remote",host="${host}"} 0`);
    await ask(gateway.url, { key: 'k', model: 'talaria/remote' });
    expect(await text()).toContain(`talaria_model_healthy{agent="remote",host="${host}"} 1`);
    expect(await text()).toMatch(
      /talaria_model_calls_total\{agent="remote",host="[^"]+",outcome="key_refused"\} [1-9]/,
    );
  });
});

function text(): Promise<string> {
  return metrics.registry.metrics();
}

function oneOf(words: readonly string[]): RegExp {
  return new RegExp(`^(${words.join('|')})$`);
}

/** Until so many of each kind are counted. */
async function sendStrangeThings(word: string, total: number): Promise<void> {
  for (let at = 0; at < 20; at += 1) {
    const id = `${word}-${at}`;
    await fetch(`${gateway.url}/${id}/${id}`);
    await fetch(`${gateway.url}/v1/runs/run_${id}`, { headers: { authorization: 'Bearer k' } });
    await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${id}` } });
    await ask(gateway.url, { key: 'k', model: `talaria/${id}` });
    await ask(gateway.url, { key: 'k', model: id, headers: { 'x-talaria-chat-id': id, 'x-talaria-user-id': id } });
  }
  await waitFor('the requests to be counted', async () => {
    const counted = /talaria_http_requests_total\{path="none"[^}]*\} (\d+)/.exec(await text())?.[1];
    return Number(counted) >= total;
  });
}

interface ListedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

async function metricsOf(registry: Registry): Promise<readonly ListedMetric[]> {
  const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]));
  return registry
    .getMetricsAsArray()
    .filter(({ name }) => name.startsWith('talaria_'))
    .map((metric) => ({
      name: metric.name,
      type: types.get(metric.name) ?? '',
      labels: [...((metric as unknown as { labelNames?: readonly string[] }).labelNames ?? [])].sort(),
    }));
}

function sorted(list: readonly ListedMetric[]): readonly ListedMetric[] {
  return list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function seriesOf(registry: Registry): Promise<readonly string[]> {
  const found = await registry.getMetricsAsJSON();
  return found
    .filter(({ name }) => name.startsWith('talaria_'))
    .flatMap(({ name, values }) => values.map(({ labels }) => `${name} ${JSON.stringify(labels)}`))
    .sort();
}

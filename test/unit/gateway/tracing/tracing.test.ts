import { spawn } from 'node:child_process';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../../core/lib/log.ts';
import type { Tool } from '../../../../gateway/agent/tools/tool.ts';
import { createMetrics, type Metrics } from '../../../../gateway/metrics.ts';
import { openTracing } from '../../../../gateway/tracing/open-telemetry.ts';
import type { Sampler } from '../../../../gateway/tracing/settings.ts';
import type { Tracing } from '../../../../gateway/tracing/tracing.ts';
import { ask, startTestGateway, type TestGateway } from '../../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../../harness/mock-model.ts';
import { type OtlpCollector, startOtlpCollector } from '../../../harness/otlp-collector.ts';
import { waitFor } from '../../../harness/wait-for.ts';

const secrets = {
  prompt: 'marker-prompt-7c1f',
  answer: 'marker-answer-7c1f',
  instructions: 'marker-instructions-7c1f',
  modelKey: 'marker-model-key-7c1f',
  apiKey: 'marker-api-key-7c1f',
  toolInput: 'marker-tool-input-7c1f',
  toolOutput: 'marker-tool-output-7c1f',
};

let collector: OtlpCollector;
let mock: MockModel;
const stops: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  [collector, mock] = await Promise.all([startOtlpCollector(), startMockModel()]);
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await Promise.all([collector.stop(), mock.stop()]);
});

const everything: Sampler = { parentBased: true, ratio: 1 };

async function open(metrics: Metrics, sampler: Sampler): Promise<Tracing> {
  const settings = { url: `${collector.url}/v1/traces`, headers: { 'x-tenant': 'one' }, sampler, resource: {} };
  const resource = { 'service.name': 'talaria-gateway' };
  return await openTracing(settings, { resource, registry: metrics.registry, log: createLogger('test', 'silent') });
}

async function start(sampler = everything): Promise<{ gateway: TestGateway; metrics: Metrics }> {
  const metrics = createMetrics();
  const look: Tool = { name: 'look', run: async () => secrets.toolOutput };
  const gateway = await startTestGateway({
    metrics,
    tracing: await open(metrics, sampler),
    tools: [look],
    serves: {
      agents: [
        {
          name: 'main',
          default: true,
          instructions: secrets.instructions,
          model: { provider: 'openai-compatible', name: 'm-1', baseURL: mock.baseURL, apiKey: 'main.model.v1' },
        },
      ],
      gatewayKeys: [{ name: 'all', key: secrets.apiKey }],
      credentials: { 'main.model.v1': secrets.modelKey },
    },
  });
  stops.push(gateway.stop);
  return { gateway, metrics };
}

const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const traceparent = `00-${caller.traceId}-${caller.spanId}-01`;
const asked = { key: secrets.apiKey, content: secrets.prompt } as const;

describe('a request that is traced', () => {
  it('is one trace, inside the caller’s, from the request through the agent to its models and tools', async () => {
    const { gateway } = await start();
    mock.next({ kind: 'tools', calls: [{ id: 'call_1', name: 'look', arguments: { at: secrets.toolInput } }] });
    mock.next({ kind: 'answer', text: secrets.answer });
    const answer = await ask(gateway.url, { ...asked, headers: { traceparent } });
    expect(answer).toMatchObject({ status: 200, text: secrets.answer });

    const [request, admit, turn, model, tool] = await collector.named(
      'POST /v1/chat/completions',
      'admit',
      'invoke_agent main',
      'chat m-1',
      'execute_tool look',
    );
    expect(new Set(collector.spans.map(({ traceId }) => traceId))).toEqual(new Set([caller.traceId]));
    expect(request).toMatchObject({ kind: 2, parentSpanId: caller.spanId, failed: false });
    expect([admit?.parentSpanId, turn?.parentSpanId]).toEqual([request?.spanId, request?.spanId]);
    expect([model?.parentSpanId, tool?.parentSpanId]).toEqual([turn?.spanId, turn?.spanId]);
    expect(collector.spans.filter(({ name }) => name === 'chat m-1')).toHaveLength(2);
    expect(request?.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/v1/chat/completions',
      'http.response.status_code': 200,
      'gen_ai.agent.name': 'main',
    });
    expect(turn?.attributes).toMatchObject({
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': 'main',
      'gen_ai.agent.id': 'uid-main',
      'gen_ai.request.model': 'm-1',
      'gen_ai.usage.input_tokens': answer.body.usage?.prompt_tokens,
      'gen_ai.usage.output_tokens': answer.body.usage?.completion_tokens,
      'gen_ai.response.finish_reasons': ['stop'],
    });
    expect(model).toMatchObject({ kind: 3 });
    expect(model?.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai-compatible',
      'gen_ai.request.model': 'm-1',
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(mock.baseURL).port),
    });
    expect(tool?.attributes).toMatchObject({
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'look',
      'gen_ai.tool.call.id': 'call_1',
    });
    expect(request?.resource).toMatchObject({ 'service.name': 'talaria-gateway' });
    expect(collector.headers()).toMatchObject({ 'x-tenant': 'one' });
  });

  it('says nothing of what was said, and no secret, also when the model fails and repeats what it was sent', async () => {
    const { gateway } = await start();
    mock.next(
      { kind: 'answer', text: secrets.answer },
      { kind: 'fail', status: 400, message: Object.values(secrets).join() },
    );
    await ask(gateway.url, asked);
    await ask(gateway.url, { ...asked, headers: { traceparent, 'x-talaria-user-id': 'a-person' } });
    await ask(gateway.url, { ...asked, key: 'no key at all' });
    await waitFor('three requests', () => collector.spans.filter(({ kind }) => kind === 2).length === 3);
    const sent = collector.bodies.join('\n');
    expect(sent).toContain('request_refused');
    for (const secret of [...Object.values(secrets), 'a-person', 'no key at all']) expect(sent).not.toContain(secret);
  });

  it('is marked as failed with the word for it, in the spans in which it failed', async () => {
    const { gateway } = await start();
    mock.next({ kind: 'fail', status: 429 });
    await ask(gateway.url, asked);
    const [request, turn, model] = await collector.named('POST /v1/chat/completions', 'invoke_agent main', 'chat m-1');
    expect([request, turn, model].map((span) => [span?.failed, span?.attributes['error.type']])).toEqual([
      [true, 'model_failed'],
      [true, 'model_failed'],
      [true, 'rate_limited'],
    ]);
  });

  it('does not tell the model server of its trace, which is another’s', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers);
      response.writeHead(500).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stops.push(async () => server.close());
    const { gateway } = await start();
    const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await gateway.serve({
      agents: [{ name: 'main', default: true, model: { provider: 'openai-compatible', name: 'm', baseURL } }],
      gatewayKeys: [{ name: 'all', key: secrets.apiKey }],
    });
    await ask(gateway.url, { ...asked, headers: { traceparent, tracestate: 'a=b' } });
    expect(seen).toHaveLength(1);
    expect(JSON.stringify(seen)).not.toMatch(/traceparent|tracestate|4bf92f3577b34da6/);
  });
});

describe('which traces are recorded', () => {
  it('those that the caller records, by a sampler that listens to it, and by no other', async () => {
    const unsampled = `00-${caller.traceId}-${caller.spanId}-00`;
    const listening = await start({ parentBased: true, ratio: 0 });
    await ask(listening.gateway.url, { ...asked, headers: { traceparent: unsampled } });
    await ask(listening.gateway.url, asked);
    await ask(listening.gateway.url, { ...asked, headers: { traceparent } });
    await collector.named('POST /v1/chat/completions');
    expect(collector.spans.filter(({ kind }) => kind === 2)).toHaveLength(1);
    const deaf = await start({ parentBased: false, ratio: 0 });
    await ask(deaf.gateway.url, { ...asked, headers: { traceparent } });
    await deaf.gateway.stop();
    expect(collector.spans.filter(({ kind }) => kind === 2)).toHaveLength(1);
  });

  it('a traceparent that is none begins a trace of its own', async () => {
    const { gateway } = await start();
    for (const header of [
      'garbage',
      `00-${'0'.repeat(32)}-${caller.spanId}-01`,
      `ff-${caller.traceId}-${caller.spanId}-01`,
    ]) {
      expect(await ask(gateway.url, { ...asked, headers: { traceparent: header } })).toMatchObject({ status: 200 });
    }
    await waitFor('three requests', () => collector.spans.filter(({ kind }) => kind === 2).length === 3);
    expect(collector.spans.filter(({ kind, parentSpanId }) => kind === 2 && parentSpanId !== '')).toEqual([]);
    expect(collector.bodies.join()).not.toContain(caller.traceId);
  });

  it('no probe and no reading of metrics is', async () => {
    const { gateway } = await start();
    for (const page of ['/healthz', '/readyz', '/metrics', '/nothing']) await fetch(`${gateway.url}${page}`);
    await ask(gateway.url, asked);
    await collector.named('POST /v1/chat/completions');
    expect(collector.spans.filter(({ kind }) => kind === 2)).toHaveLength(1);
  });
});

describe('a collector that is away', () => {
  const counted = async (metrics: Metrics, series: string) =>
    Number(new RegExp(`${series} (\\d+)`).exec(await metrics.registry.metrics())?.[1]);

  it('holds up no request; what it does not take is counted, and later traces arrive', async () => {
    const { gateway, metrics } = await start();
    collector.behave('refuse');
    expect(await ask(gateway.url, asked)).toMatchObject({ status: 200 });
    const failed = () => counted(metrics, 'talaria_trace_spans_dropped_total\\{reason="failed"\\}');
    await waitFor('spans to be dropped', async () => (await failed()) === 4);
    collector.behave('take');
    await ask(gateway.url, asked);
    await collector.named('POST /v1/chat/completions', 'invoke_agent main');
    expect(await counted(metrics, 'talaria_trace_spans_exported_total')).toBe(4);
  });

  it('that never answers fills the queue to its bound and no further, and a stop drops and counts what waits', async () => {
    const metrics = createMetrics();
    const tracing = await open(metrics, everything);
    collector.behave('hang');
    for (let at = 0; at < 10_000; at += 1) tracing.begin({ name: 'work', kind: 'internal' }).end();
    expect(await counted(metrics, 'talaria_trace_spans_dropped_total\\{reason="full"\\}')).toBeGreaterThan(5_000);
    await tracing.stop(300);
    expect(await counted(metrics, 'talaria_trace_spans_dropped_total\\{reason="stopped"\\}')).toBeGreaterThan(3_000);
  });

  it('a gateway that stops sends what waits first', async () => {
    const { gateway } = await start();
    await ask(gateway.url, asked);
    await gateway.stop();
    expect(collector.spans.map(({ name }) => name)).toContain('POST /v1/chat/completions');
  });
});

it('without tracing no package of OpenTelemetry is loaded but the API, which the client of Prometheus asks for', async () => {
  const root = path.join(import.meta.dirname, '../../../..');
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ resolve: (name, context, next) => { loaded.push(name); return next(name, context); } });
    await import(${JSON.stringify(path.join(root, 'gateway/gateway.ts'))});
    await import(${JSON.stringify(path.join(root, 'gateway/tracing/open-telemetry.ts'))});
    process.stdout.write(JSON.stringify({ all: loaded.length, ours: loaded.filter((name) => name.startsWith('@opentelemetry')) }));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  for await (const piece of child.stdout) out += String(piece);
  const { all, ours } = JSON.parse(out) as { all: number; ours: readonly string[] };
  expect(all).toBeGreaterThan(100);
  expect(ours).toEqual(['@opentelemetry/api']);
});

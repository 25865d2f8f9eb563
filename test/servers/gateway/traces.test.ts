import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLogger } from '../../../core/lib/log.ts';
import type { JobEntry } from '../../../core/snapshot/schema.ts';
import { createMetrics } from '../../../gateway/metrics.ts';
import { openTracing } from '../../../gateway/tracing/open-telemetry.ts';
import type { ConfigurationFields } from '../../harness/entries.ts';
import type { TestGateway } from '../../harness/gateway.ts';
import { type OtlpCollector, startOtlpCollector } from '../../harness/otlp-collector.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { jobEntry } from '../schedule/entries.ts';
import { setUpStage, startOnStage, state } from './stage.ts';

let collector: OtlpCollector;

beforeEach(async () => {
  collector = await startOtlpCollector();
});
setUpStage();
afterEach(() => collector.stop());

const log = createLogger('test', 'silent');

const serving = (...jobs: readonly JobEntry[]): ConfigurationFields => ({
  agents: [{ name: 'clerk', default: true }],
  gatewayKeys: [{ name: 'all', key: 'k', deliver: true }],
  jobs,
  texts: ['good morning'],
});

async function startTraced(): Promise<TestGateway> {
  const metrics = createMetrics();
  const settings = {
    url: `${collector.url}/v1/traces`,
    headers: {},
    sampler: { parentBased: true, ratio: 1 },
    resource: {},
  };
  return await startOnStage({
    metrics,
    tracing: await openTracing(settings, { resource: {}, registry: metrics.registry, log }),
    log,
    serves: serving(),
  });
}

const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };

it('a run in the background and its delivery are in the trace of the request that asked for it', async () => {
  const { url } = await startTraced();
  const response = await fetch(`${url}/v1/runs`, {
    method: 'POST',
    headers: {
      authorization: 'Bearer k',
      'content-type': 'application/json',
      traceparent: `00-${caller.traceId}-${caller.spanId}-01`,
    },
    body: JSON.stringify({ input: 'write this down', deliver: [{ log: true }] }),
  });
  expect(response.status).toBe(202);
  const { id } = (await response.json()) as { id: string };
  const [request, run, turn, delivery] = await collector.named(
    'POST /v1/runs',
    'run',
    'invoke_agent clerk',
    'deliver log',
  );
  expect(new Set(collector.spans.map(({ traceId }) => traceId))).toEqual(new Set([caller.traceId]));
  expect(run?.parentSpanId).toBe(request?.spanId);
  expect(turn?.parentSpanId).toBe(run?.spanId);
  expect(delivery?.parentSpanId).toBe(request?.spanId);
  for (const span of [run, turn, delivery]) expect(span?.attributes['talaria.run.id']).toBe(id);
  expect(delivery?.attributes).toMatchObject({ 'talaria.delivery.status': 'sent', 'gen_ai.agent.name': 'clerk' });
  expect(collector.bodies.join()).not.toContain('write this down');
});

it('the run of a CronJob begins a trace with the id of the run, in which its turn and its delivery are', async () => {
  const gateway = await startTraced();
  const deliver = [{ name: 'console', log: true, expireAfterSeconds: 60 }];
  const job = jobEntry('report', { schedule: '@every 1000h', deliver });
  await gateway.serve(serving(job));
  await waitFor('the job to be seen', async () => (await state.rows('select from cron_jobs')).length === 1);
  await gateway.serve(serving({ ...job, runAt: 'now' }));
  const [run, turn, delivery] = await collector.named('run report', 'invoke_agent clerk', 'deliver log');
  const [row] = await state.rows<{ id: string }>('select id from runs');
  const hex = row?.id.replaceAll('-', '') ?? '';
  expect(run).toMatchObject({ traceId: hex, spanId: hex.slice(16), parentSpanId: '' });
  expect(run?.attributes).toMatchObject({ 'talaria.cronjob': 'report', 'talaria.run.id': `run_${hex}` });
  expect([turn?.traceId, delivery?.traceId]).toEqual([hex, hex]);
  expect([turn?.parentSpanId, delivery?.parentSpanId]).toEqual([run?.spanId, run?.spanId]);
});

it('runs that have not ended are counted by status, with the age of the oldest', async () => {
  const { url } = await startTraced();
  const page = await (await fetch(`${url}/metrics`)).text();
  for (const status of ['queued', 'running', 'waiting_for_approval', 'stopping']) {
    expect(page).toContain(`talaria_runs_open{status="${status}"} 0`);
    expect(page).toContain(`talaria_run_oldest_seconds{status="${status}"} 0`);
  }
});

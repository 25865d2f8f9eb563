import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agents, configMaps, cronJobs, routes, secrets } from '../../../core/kube/resources.ts';
import type { KubeObject } from '../../../core/kube/types.ts';
import { snapshotNames } from '../../../operator/publish.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createStage, type RunningOperator, type Stage } from './stage.ts';

let stage: Stage;
let operator: RunningOperator;

const count = { agents: 200, routes: 600, cronJobs: 200 };

beforeAll(async () => {
  stage = await createStage();
  await store(world());
  operator = stage.startOperator();
  await stage.startReplica('talaria-gateway-0');
  await waitFor('everything to be settled', isSettled, { timeoutMs: 60_000, intervalMs: 250 });
});
afterAll(() => stage.stop());

describe('1,000 objects that nobody touches', () => {
  it('keep their resourceVersions, and so do index, buckets and credentials, through 10 forced reconciles', async () => {
    const before = await versions();
    for (let round = 0; round < 10; round += 1) {
      const passes = await operator.passes();
      operator.reconcileAll();
      await waitFor(`pass ${round}`, async () => (await operator.passes()) > passes);
    }
    await quiet();
    expect(await versions()).toEqual(before);
  });

  it('keep them when the operator is restarted, except that the index names its new leader', async () => {
    const before = await versions();
    await operator.stop();
    operator = stage.startOperator({ podName: 'talaria-operator-1' });
    await waitFor(
      'the new operator to lead and to have looked at everything',
      () => operator.leading() && operator.unready() === undefined,
    );
    await quiet();
    const { 'talaria-snapshot': indexBefore, ...restBefore } = before;
    const { 'talaria-snapshot': indexAfter, ...restAfter } = await versions();
    expect(restAfter).toEqual(restBefore);
    expect(indexAfter).not.toBe(indexBefore);
  });
});

/** Many at a time; kubectl sends one after the other. */
async function store(objects: readonly StoredObject[]): Promise<void> {
  const resources = { Agent: agents, Route: routes, CronJob: cronJobs, Secret: secrets };
  for (let from = 0; from < objects.length; from += 50) {
    const chunk = objects.slice(from, from + 50);
    await Promise.all(chunk.map(({ kind, ...object }) => stage.client.create(resources[kind], object as KubeObject)));
  }
}

/** Waits until a later change was dealt with: one that is not accepted, so that it changes no snapshot. */
async function quiet(): Promise<void> {
  const name = `marker-${Date.now()}`;
  await stage.namespace.apply([route(name, 'nobody', { expression: 'chatId ==' })]);
  await waitFor('a later change to be dealt with', async () => {
    const marker = await stage.namespace.kubectl([
      'get',
      'routes.talaria.dev',
      name,
      '-o',
      'jsonpath={.status.observedGeneration}',
    ]);
    return marker === '1';
  });
  await stage.namespace.kubectl(['delete', 'routes.talaria.dev', name]);
}

/** Name -> resourceVersion of everything that the operator writes. */
async function versions(): Promise<Record<string, string | undefined>> {
  const lists = [agents, routes, cronJobs, secrets].map((resource) => stage.client.list(resource));
  const objects = (await Promise.all(lists)).flatMap((list) => list.items);
  const { items } = await stage.client.list(configMaps);
  const snapshot = items.filter(({ metadata }) => snapshotNames.includes(metadata.name));
  expect(snapshot.length).toBeGreaterThan(1);
  const own = [...objects, ...snapshot].filter(({ metadata }) => !metadata.name.startsWith('marker-'));
  return Object.fromEntries(own.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
}

async function isSettled(): Promise<boolean> {
  const ready = '{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}';
  const output = await stage.namespace.kubectl([
    'get',
    'agents.talaria.dev,routes.talaria.dev,cronjobs.talaria.dev',
    '-o',
    `jsonpath=${ready}`,
  ]);
  return output.split('\n').filter((line) => line === 'True').length === 1_000;
}

interface StoredObject {
  readonly kind: 'Agent' | 'Route' | 'CronJob' | 'Secret';
  readonly metadata: KubeObject['metadata'];
  readonly [member: string]: unknown;
}

function world(): readonly StoredObject[] {
  const numbers = (length: number) => Array.from({ length }, (_, index) => index);
  return [
    {
      kind: 'Secret' as const,
      metadata: { name: 'model', labels: { 'talaria.dev/credentials': 'true' } },
      data: { key: 'c2VjcmV0' },
    },
    ...numbers(count.agents).map((index) => ({
      kind: 'Agent' as const,
      metadata: { name: `agent-${index}` },
      spec: {
        instructions: { inline: `You are number ${index}.` },
        ...(index % 2 === 0 ? {} : { model: { provider: 'openai', name: 'gpt', apiKeySecretRef: { name: 'model' } } }),
      },
    })),
    ...numbers(count.routes).map((index) => route(`route-${index}`, `agent-${index % count.agents}`)),
    ...numbers(count.cronJobs).map((index) => ({
      kind: 'CronJob' as const,
      metadata: { name: `job-${index}` },
      spec: { schedule: '@daily', agentRef: { name: `agent-${index}` }, prompt: { inline: 'Report.' } },
    })),
  ];
}

function route(name: string, agent: string, match: object = { chatId: name }) {
  const spec = { rules: [{ name: 'rule', matches: [match], agentRefs: [{ name: agent }] }] };
  return { apiVersion: 'talaria.dev/v1alpha1', kind: 'Route' as const, metadata: { name }, spec };
}

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createKubeClient } from '../../../core/kube/client.ts';
import { agents, configMaps, cronJobs, leases, secrets } from '../../../core/kube/resources.ts';
import type { KubeClient, KubeObject } from '../../../core/kube/types.ts';
import { systemClock } from '../../../core/lib/clock.ts';
import { createLogger } from '../../../core/lib/log.ts';
import {
  credentialShardName,
  credentialShardOf,
  logicalCredentialName,
  snapshotIndexName,
} from '../../../core/snapshot/names.ts';
import type { SnapshotContent } from '../../../core/snapshot/schema.ts';
import { type Acknowledger, createAcknowledger } from '../../../gateway/config/acknowledge.ts';
import { createClusterAgentStatus } from '../../../gateway/config/cluster-agent-status.ts';
import { createClusterJobStatus } from '../../../gateway/config/cluster-job-status.ts';
import { createClusterSource } from '../../../gateway/config/cluster-source.ts';
import type { AgentStatus, ConfigSource, Configuration, JobStatus } from '../../../gateway/config/source.ts';
import { installChart, writeComponentKubeconfig } from '../../harness/install-chart.ts';
import { createNamespace, type TestNamespace } from '../../harness/namespace.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { emptyContent, gatewayKeyEntry, manyRoutes, routeEntry } from '../../unit/core/snapshot/contents.ts';
import { createPublisher } from '../../unit/gateway/config/stored-snapshot.ts';
import { writeFileInTemporary } from './temporary-file.ts';

const log = createLogger('test', 'silent');
const kubeconfig = inject('kubeconfig');
const file = writeFileInTemporary('');
let namespace: TestNamespace;
/** Every right: stands for the operator. */
let admin: KubeClient;
/** The gateway's own ServiceAccount with the chart's roles. */
let client: KubeClient;
let source: ConfigSource;
let acknowledger: Acknowledger;
let applied: Configuration[];

beforeAll(async () => {
  namespace = await createNamespace(kubeconfig);
  await installChart(kubeconfig, namespace.name);
  await writeComponentKubeconfig(file.path, kubeconfig, namespace.name, 'gateway');
  admin = createKubeClient({ kubeconfig, namespace: namespace.name, fieldManager: 'admin' });
  client = createKubeClient({ kubeconfig: file.path, fieldManager: 'talaria-gateway' });
});

afterAll(async () => {
  await Promise.all([admin.close(), client.close()]);
  file.remove();
});

describe('a gateway with the rights of the chart', () => {
  beforeEach(async () => {
    applied = [];
    acknowledger = createAcknowledger({ client, podName: 'gw-1', log, clock: systemClock });
    source = createClusterSource({ client, log, clock: systemClock });
    await source.start(async (configuration) => {
      applied.push(configuration);
      acknowledger.serving(configuration.snapshot.sequence, configuration.snapshot.revision);
    });
  });

  afterEach(async () => {
    await source.stop();
    await acknowledger.stop();
    await admin.delete(configMaps, snapshotIndexName);
  });

  it('follows what is published, says so in its Lease, and takes the Lease away when it stops', async () => {
    const publisher = createPublisher();
    await publish(publisher.next({ ...emptyContent, routes: [routeEntry('a')] }, 1));
    await acknowledges(1, publisher.revision());
    await publish(publisher.next({ ...emptyContent, routes: [routeEntry('b')] }, 2));
    await acknowledges(2, publisher.revision());
    expect(applied.at(-1)?.snapshot.content.routes.map((route) => route.name)).toEqual(['b']);
    await acknowledger.stop();
    expect(await admin.get(leases, 'talaria-gateway-gw-1')).toBeUndefined();
  });

  it('follows a snapshot of thousands of Routes, bucket by bucket', async () => {
    const publisher = createPublisher();
    const content = manyRoutes(5_000);
    await publish(publisher.next(content, 1));
    await acknowledges(1, publisher.revision());
    for (let sequence = 2; sequence <= 20; sequence += 1) {
      await publish(publisher.next(withPriority(content, sequence), sequence));
    }
    await acknowledges(20, publisher.revision());
    expect(applied.at(-1)?.snapshot.content.routes).toHaveLength(5_000);
  });

  it('gets the credentials that the snapshot names, and may read no other Secret', async () => {
    const shard = credentialShardName(credentialShardOf(logicalCredentialName('team.key.v1')));
    const data = { 'team.key.v1': Buffer.from('hash').toString('base64') };
    await admin.apply(secrets, { metadata: { name: shard }, data });
    await admin.apply(secrets, { metadata: { name: 'somebodys' }, data });
    await publish(createPublisher().next({ ...emptyContent, gatewayKeys: [gatewayKeyEntry('team')] }, 1));
    await waitFor('the configuration', () => applied.length > 0);
    expect([...(applied[0]?.credentials ?? [])]).toEqual([['team.key.v1', 'hash']]);
    await expect(client.get(secrets, 'somebodys')).rejects.toMatchObject({ status: 403 });
  });
});

describe('the status of a CronJob on a real API server', () => {
  const status: JobStatus = {
    lastScheduleTime: '2026-01-01T00:00:00Z',
    nextScheduleTime: '2026-01-02T00:00:00Z',
    missedCount: 1,
    consecutiveFailures: 0,
    active: [],
    recentRuns: [
      {
        scheduledTime: '2026-01-01T00:00:00Z',
        runId: 'run_1',
        outcome: 'Succeeded',
        deliveryOutcome: 'Sent',
      },
    ],
    conditions: [
      {
        type: 'Healthy',
        status: 'True',
        reason: 'Healthy',
        message: 'fine',
        lastTransitionTime: '2026-01-01T00:00:00Z',
        observedGeneration: 1,
      },
    ],
  };

  it('is written beside what the operator owns, and an equal one writes nothing', async () => {
    const job = await createJob('nightly');
    const accepted = { ...status.conditions[0], type: 'Accepted', reason: 'Accepted' };
    await admin.applyStatus(cronJobs, {
      metadata: { name: 'nightly' },
      status: { observedGeneration: 1, conditions: [accepted] },
    } as never);
    const sink = createClusterJobStatus(client, log);
    await sink.writeJobStatus(job, status);
    const first = await read('nightly');
    expect(first.status).toMatchObject({ observedGeneration: 1, missedCount: 1, recentRuns: status.recentRuns });
    expect(first.status?.conditions?.map(({ type }) => type).sort()).toEqual(['Accepted', 'Healthy']);
    await sink.writeJobStatus(job, status);
    expect((await read('nightly')).metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  it('is not written to a CronJob that is gone', async () => {
    const job = await createJob('gone');
    await admin.delete(cronJobs, 'gone');
    await createClusterJobStatus(client, log).writeJobStatus(job, status);
    expect(await admin.get(cronJobs, 'gone')).toBeUndefined();
  });

  it('of which slots were missed is told where people look for it', async () => {
    const job = await createJob('late');
    const missed = { kind: 'missed', count: 2, lastSlot: new Date('2026-01-01T06:00:00Z'), reason: 'Forbid' } as const;
    await createClusterJobStatus(client, log).report(job, missed);
    const shown = await namespace.kubectl(['describe', 'cronjobs.talaria.dev', 'late']);
    expect(shown).toMatch(
      /Warning +SlotMissed .*2 slots were missed; the newest, 2026-01-01T06:00:00Z, because of Forbid/,
    );
  });
});

describe('the gateways’ part of the status of an Agent', () => {
  const condition = {
    type: 'AccountsReady',
    status: 'False',
    reason: 'AccountFailed',
    message: 'not ready: bot; status.accounts says why',
    lastTransitionTime: '2026-01-01T00:00:00Z',
    observedGeneration: 1,
  } as const;
  const broken: AgentStatus = {
    accounts: [{ name: 'bot', ready: false, message: 'Telegram answered 401' }],
    conditions: [condition],
  };
  const readAgent = async () => (await admin.get(agents, 'clerk')) as StoredAgent;

  it('is written beside what the operator owns, an equal one writes nothing, and an empty one takes it back', async () => {
    await admin.create(agents, {
      metadata: { name: 'clerk' },
      spec: { model: { provider: 'echo', name: 'e' } },
    } as never);
    const ready = { ...condition, type: 'Ready', status: 'True', reason: 'Ready', message: '' };
    const operatorStatus = { observedGeneration: 1, conditions: [ready], routes: 3 };
    await admin.applyStatus(agents, { metadata: { name: 'clerk' }, status: operatorStatus } as never);
    const sink = createClusterAgentStatus(client, log);
    const agent = { name: 'clerk', uid: 'any' };

    await sink.writeAgentStatus(agent, broken);
    const first = await readAgent();
    expect(first.status).toMatchObject({ observedGeneration: 1, routes: 3, accounts: broken.accounts });
    expect(first.status.conditions).toHaveLength(2);
    expect(first.status.conditions).toContainEqual(ready);
    await sink.writeAgentStatus(agent, broken);
    expect((await readAgent()).metadata.resourceVersion).toBe(first.metadata.resourceVersion);

    await sink.writeAgentStatus(agent, { accounts: [], conditions: [] });
    expect((await readAgent()).status).toEqual(operatorStatus);
  });

  it('is not written to an Agent that is gone', async () => {
    await createClusterAgentStatus(client, log).writeAgentStatus({ name: 'nobody', uid: 'any' }, broken);
    expect(await admin.get(agents, 'nobody')).toBeUndefined();
  });
});

interface StoredAgent extends KubeObject {
  readonly status: { readonly conditions: readonly object[] };
}

interface StoredCronJob extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string }[] };
}

async function createJob(name: string): Promise<{ name: string; uid: string }> {
  const spec = { schedule: '@daily', agentRef: { name: 'a' }, prompt: { inline: 'p' } };
  const created = await admin.create(cronJobs, { metadata: { name }, spec } as never);
  return { name, uid: created.metadata.uid ?? '' };
}

async function read(name: string): Promise<StoredCronJob> {
  return (await admin.get(cronJobs, name)) ?? { metadata: { name } };
}

async function publish(objects: ReturnType<ReturnType<typeof createPublisher>['next']>): Promise<void> {
  for (const object of objects) await admin.apply(configMaps, object);
}

function withPriority(content: SnapshotContent, priority: number): SnapshotContent {
  const name = `route-${priority * 7}`;
  return { ...content, routes: content.routes.map((route) => (route.name === name ? { ...route, priority } : route)) };
}

async function acknowledges(sequence: number, revision: string): Promise<void> {
  const expected = { 'talaria.dev/sequence': String(sequence), 'talaria.dev/revision': revision };
  await waitFor(`the acknowledgement of ${sequence}`, async () => {
    const annotations = (await admin.get(leases, 'talaria-gateway-gw-1'))?.metadata.annotations;
    return annotations?.['talaria.dev/sequence'] === String(sequence);
  });
  expect((await admin.get(leases, 'talaria-gateway-gw-1'))?.metadata.annotations).toEqual(expected);
}

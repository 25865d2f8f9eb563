import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createKubeClient } from '../../core/kube/client.ts';
import { type Lease, leases } from '../../core/kube/resources.ts';
import { sequenceAnnotation } from '../../core/snapshot/acknowledgement.ts';
import { bucketName, credentialShardCount, credentialShardName, maxBuckets } from '../../core/snapshot/names.ts';
import { createAcknowledgements } from '../../operator/acknowledgements.ts';
import { snapshotNames } from '../../operator/publish.ts';
import { sweepLeases } from '../../operator/sweep-leases.ts';
import { type AuditedRequest, auditedRequests } from '../harness/audit-log.ts';
import { type ControlPlane, startControlPlane } from '../harness/control-plane.ts';
import { applyCrds } from '../harness/crds.ts';
import { grantsOf, needless } from '../harness/grants.ts';
import { installChart, type TalariaComponent, writeComponentKubeconfig } from '../harness/install-chart.ts';
import { createNamespace, type TestNamespace } from '../harness/namespace.ts';
import { createDatabase, type TestDatabase } from '../harness/postgres.ts';
import { startGateway, startOperator } from '../harness/talaria-process.ts';
import { temporaryFolder } from '../harness/temporary-folder.ts';
import { waitFor } from '../harness/wait-for.ts';

let controlPlane: ControlPlane;
let namespace: TestNamespace;
let database: TestDatabase;
let folder: string;

const auditLog = () => path.join(folder, 'audit.log');
const apiVersion = 'talaria.dev/v1alpha1';

/** Everything that the two ask of an API server, done once by themselves with the rights of the chart. */
beforeAll(async () => {
  folder = await temporaryFolder('rbac-minimal');
  [controlPlane, database] = await Promise.all([
    startControlPlane({ auditLog: auditLog() }),
    createDatabase(inject('postgresUrl')),
  ]);
  const { kubeconfig } = controlPlane;
  await applyCrds(kubeconfig);
  namespace = await createNamespace(kubeconfig);
  await installChart(kubeconfig, namespace.name);
  const run = { kubeconfig, namespace: namespace.name };
  const operator = await startOperator(run);
  const gateway = await startGateway({ ...run, databaseUrl: database.url });
  try {
    await namespace.apply(world('One.'));
    await conditioned('agents.talaria.dev/clerk', 'AccountsReady');
    await conditioned('routes.talaria.dev/desk', 'Ready');
    await conditioned('cronjobs.talaria.dev/report', 'Healthy');
    await namespace.apply(world('Two.'));
    await namespace.kubectl(['annotate', 'cronjobs.talaria.dev', 'report', 'talaria.dev/run-at=now']);
    await told('InvalidExpression');
    await told('RunFailed');
  } finally {
    await gateway.stop();
    await operator.stop();
  }
  await sweepAbandoned();
});
afterAll(async () => {
  await Promise.all([controlPlane.stop(), database.drop()]);
  await rm(folder, { recursive: true });
});

describe.each(['operator', 'gateway'] as const)("the %s's role", (component) => {
  it('allows everything that is asked for', async () => {
    const refused = (await requests(component)).filter(({ code }) => code === 403);
    expect(refused).toEqual([]);
  });

  it('has no verb without which everything would have been allowed as well', async () => {
    const grants = await granted(component);
    expect(grants.length).toBeGreaterThan(8);
    expect(needless(grants, await requests(component))).toEqual([]);
  });

  it('names the objects that it may be about, and no other', async () => {
    const shards = Array.from({ length: credentialShardCount }, (_, shard) => credentialShardName(shard));
    const known: Record<string, readonly string[]> = { configmaps: snapshotNames, secrets: shards };
    const named = (await granted(component)).filter(({ resource, names }) => names && known[resource]);
    expect(named.length).toBeGreaterThan(1);
    for (const { resource, verb, names } of named) {
      const watched = resource === 'configmaps' && verb !== 'get' && verb !== 'update';
      expect(names?.toSorted()).toEqual(watched ? ['talaria-snapshot'] : known[resource]?.toSorted());
    }
    expect(snapshotNames).toContain(bucketName(maxBuckets - 1, 'b'));
  });
});

/** An Agent with an account of a chat platform, whose jobs fail at once, a Route to it, and one that is not accepted. */
function world(instructions: string): object[] {
  const model = { provider: 'openai-compatible', name: 'none', baseURL: 'http://127.0.0.1:1/v1', maxRetries: 0 };
  const telegram = { name: 'bot', platform: 'telegram', secretRef: { name: 'bot' } };
  const route = (name: string, match: object) => ({
    apiVersion,
    kind: 'Route',
    metadata: { name },
    spec: { rules: [{ name: 'rule', matches: [match], agentRefs: [{ name: 'clerk' }] }] },
  });
  return [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'bot', labels: { 'talaria.dev/credentials': 'true' } },
      stringData: { token: `1:${instructions}` },
    },
    {
      apiVersion,
      kind: 'Agent',
      metadata: { name: 'clerk' },
      spec: { instructions: { inline: instructions }, model, accounts: [telegram] },
    },
    {
      apiVersion,
      kind: 'CronJob',
      metadata: { name: 'report' },
      spec: { schedule: '@yearly', agentRef: { name: 'clerk' }, prompt: { inline: 'Report.' } },
    },
    route('desk', { chatId: '1' }),
    route('broken', { expression: 'chatId ==' }),
  ];
}

/** Waits until the object has a condition of this type. */
async function conditioned(object: string, type: string): Promise<void> {
  const types = ['get', object, '-o', 'jsonpath={.status.conditions[*].type}'];
  await waitFor(`${object} to have the condition ${type}`, async () => {
    const found = await namespace.kubectl(types);
    return found.split(' ').includes(type);
  });
}

/** Waits for an Event with this reason. */
async function told(reason: string): Promise<void> {
  await waitFor(`an Event with the reason ${reason}`, async () => {
    const reasons = await namespace.kubectl(['get', 'events', '-o', 'jsonpath={.items[*].reason}']);
    return reasons.split(' ').includes(reason);
  });
}

/** The sweep of Leases whose gateways are gone, which takes the operator ten minutes to begin with. */
async function sweepAbandoned(): Promise<void> {
  const metadata = { name: 'talaria-gateway-gone', annotations: { [sequenceAnnotation]: '1' } };
  await namespace.apply([{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: {} }]);
  const kubeconfig = path.join(folder, 'operator.kubeconfig');
  await writeComponentKubeconfig(kubeconfig, controlPlane.kubeconfig, namespace.name, 'operator');
  const client = createKubeClient({ kubeconfig, namespace: namespace.name, fieldManager: 'talaria-operator' });
  let minutes = 0;
  const acknowledgements = createAcknowledgements({ now: Date.now, monotonic: () => minutes * 60_000 });
  for (const object of (await client.list<Lease>(leases)).items) acknowledgements.take({ type: 'added', object });
  minutes = 20;
  await sweepLeases(client, acknowledgements);
  await client.close();
  expect(await namespace.kubectl(['get', 'leases', '-o', 'name'])).not.toContain('talaria-gateway-gone');
}

const granted = (component: TalariaComponent) => grantsOf(namespace, `talaria-${component}`);

async function requests(component: TalariaComponent): Promise<AuditedRequest[]> {
  return auditedRequests(auditLog(), namespace.name, `talaria-${component}`);
}

import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { diagnoseCluster } from '../../../cli/doctor/diagnose.ts';
import type { Finding } from '../../../cli/doctor/finding.ts';
import { NoGateway } from '../../../cli/remote/failures.ts';
import { createKubeClient } from '../../../core/kube/client.ts';
import { createPlainGet } from '../../../core/kube/plain-get.ts';
import { installChart } from '../../harness/install-chart.ts';
import { writeServiceAccountKubeconfig } from '../../harness/kubeconfig.ts';
import { createNamespace, type TestNamespace } from '../../harness/namespace.ts';
import { runTalaria } from '../../harness/talaria-command.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';
import { createStage } from '../operator/stage.ts';

let folder: string;
let namespace: TestNamespace;
beforeAll(async () => {
  folder = await temporaryFolder('doctor');
  namespace = await createNamespace(inject('kubeconfig'));
});
afterAll(() => rm(folder, { recursive: true }));

async function findingsOf(kubeconfig: string, name: string): Promise<readonly Finding[]> {
  const client = createKubeClient({ kubeconfig, namespace: name, fieldManager: 'talaria-cli' });
  const cluster = { client, plain: createPlainGet({ kubeconfig }, 10_000), leasePauseMs: 0 };
  const noGateway = async () => {
    throw new NoGateway('No pod is ready.');
  };
  try {
    const all: Finding[] = [];
    for await (const found of diagnoseCluster(cluster, noGateway, () => undefined)) all.push(...found);
    return all;
  } finally {
    await client.close();
  }
}

/** `level check: cause`, a line each. */
function lines(found: readonly Finding[]): string {
  return found.map(({ level, check, cause }) => `${level} ${check}: ${cause}`).join('\n');
}

const pod = (name: string, component: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { 'app.kubernetes.io/name': 'talaria', 'app.kubernetes.io/component': component } },
  spec: { containers: [{ name: component, image: 'talaria' }] },
});

async function setStatus(kind: string, name: string, status: object): Promise<void> {
  await namespace.kubectl([
    'patch',
    kind,
    name,
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify({ status }),
  ]);
}

describe('an empty namespace', () => {
  it('has all of the API server and nothing of Talaria', async () => {
    const told = lines(await findingsOf(inject('kubeconfig'), namespace.name));
    expect(told).toMatch(/^ok API server: answers, v1\./);
    for (const line of [
      /^ok clock: that of this machine is that of the API server/m,
      /^ok certificate: valid for/m,
      /^ok CRDs: as this release has them/m,
      /^ok rights of you/m,
      /^fail rights of operator: Missing: watch agents.talaria.dev, /m,
      /^fail operator: There is no Deployment talaria-operator/m,
      /^fail leader: No operator has ever led/m,
      /^fail snapshot: The operator has published nothing/m,
      /^ok Agents: there are none/m,
      /^warn gateway keys: There is none/m,
      /^fail answers: No pod is ready/m,
    ]) {
      expect(told).toMatch(line);
    }
  });

  it('is not one that is missing, after which nothing is looked at', async () => {
    const args = ['doctor', '--kubeconfig', inject('kubeconfig'), '-n', 'nowhere', '-o', 'json'];
    const { code, stdout } = await runTalaria(args, { cwd: folder });
    expect(code).toBe(1);
    expect((JSON.parse(stdout) as Finding[]).at(-1)).toEqual({
      check: 'namespace',
      level: 'fail',
      cause: 'There is no namespace nowhere.',
      cure: 'Name that of Talaria with -n.',
    });
  });
});

describe('an installation with many faults', () => {
  let told: string;
  beforeAll(async () => {
    await installChart(inject('kubeconfig'), namespace.name);
    const stale = { leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z' };
    await namespace.apply([
      pod('operator-a', 'operator'),
      pod('gateway-a', 'gateway'),
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data-talaria-trial-database-0' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
      {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'talaria-operator' },
        spec: { ...stale, holderIdentity: 'operator-a_1' },
      },
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'a-key', labels: { 'talaria.dev/gateway-key': 'true' } },
        stringData: { key: 'some-key-of-the-gateway' },
      },
      { apiVersion: 'talaria.dev/v1alpha1', kind: 'Agent', metadata: { name: 'clerk' } },
      { apiVersion: 'talaria.dev/v1alpha1', kind: 'Agent', metadata: { name: 'unseen' } },
    ]);
    await namespace.kubectl(['delete', 'rolebinding', 'talaria-gateway']);
    const waiting = { reason: 'ErrImagePull', message: 'not found' };
    const containerStatuses = [
      { name: 'operator', image: 'talaria', imageID: '', ready: false, restartCount: 0, state: { waiting } },
    ];
    const unschedulable = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: 'Insufficient cpu',
    };
    const missing = {
      type: 'ResolvedRefs',
      status: 'False',
      reason: 'SecretNotFound',
      message: 'Secret "k" is missing',
    };
    await setStatus('pod', 'operator-a', { containerStatuses });
    await setStatus('pod', 'gateway-a', { conditions: [unschedulable] });
    await setStatus('agents.talaria.dev', 'clerk', {
      observedGeneration: 1,
      conditions: [{ ...missing, lastTransitionTime: '2026-01-01T00:00:00Z' }],
    });
    told = lines(await findingsOf(inject('kubeconfig'), namespace.name));
  });

  it.each([
    ['the rights of the operator are there', /^ok rights of operator/m],
    ['those of the gateway are not', /^fail rights of gateway: Missing: watch configmaps talaria-snapshot, /m],
    ['no pod is available', /^fail gateway: 0 of 2 pods available/m],
    ['an image cannot be pulled', /^fail operator pod: operator-a does not get its image: ErrImagePull: not found/m],
    ['a pod has no node', /^fail gateway pod: gateway-a has no node: Insufficient cpu/m],
    ['a claim waits', /^fail volumes: The claim data-talaria-trial-database-0 is Pending/m],
    ['the leader is gone', /^fail leader: operator-a held the lead and has not renewed it for \d+ days/m],
    ['nothing is published', /^fail snapshot: The operator has published nothing/m],
    ['a Secret is missing', /^fail Agents: Agent\/clerk: Secret "k" is missing \(SecretNotFound\)/m],
    ['an object is not looked at', /^fail Agents: Agent\/unseen: the operator has not seen/m],
    ['a gateway key is rejected', /^fail gateway keys: Secret a-key: Annotation talaria.dev\/agents names no Agent/m],
  ])('is told that %s', (_, line) => {
    expect(told).toMatch(line);
  });

  it('is told as far as one may look', async () => {
    await namespace.kubectl(['create', 'serviceaccount', 'stranger']);
    const kubeconfig = path.join(folder, 'stranger');
    await writeServiceAccountKubeconfig(kubeconfig, inject('kubeconfig'), {
      namespace: namespace.name,
      name: 'stranger',
    });
    const found = lines(await findingsOf(kubeconfig, namespace.name));
    expect(found).toMatch(/^skipped namespace: .* cannot be read by your account/m);
    expect(found).toMatch(/^ok CRDs/m);
    expect(found).toMatch(/^warn rights of you: Missing: list agents.talaria.dev/m);
    expect(found).toMatch(/^skipped Agents/m);
    expect(found).not.toMatch(/^fail (?!answers)/m);
  });
});

describe('an installation that is well', () => {
  it('has no complaint about what runs without a node', async () => {
    const stage = await createStage();
    stage.startOperator();
    const replica = await stage.startReplica('gateway-a');
    try {
      await stage.namespace.apply([{ apiVersion: 'talaria.dev/v1alpha1', kind: 'Agent', metadata: { name: 'clerk' } }]);
      await stage.namespace.kubectl(['wait', '--for=condition=Ready', 'agents.talaria.dev/clerk', '--timeout=30s']);
      const found = await findingsOf(inject('kubeconfig'), stage.namespace.name);
      expect(lines(found)).toMatch(/^ok snapshot: served by 1 gateway$/m);
      // Nothing runs the pods of the Deployments, and no key was made.
      const expected = /^(fail (operator|gateway|answers)|warn gateway keys): /;
      expect(
        lines(found)
          .split('\n')
          .filter((line) => !line.startsWith('ok ') && !expected.test(line)),
      ).toEqual([]);
    } finally {
      await replica.stop();
      await stage.stop();
    }
  });
});

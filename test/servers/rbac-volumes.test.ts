import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { deployments, persistentVolumeClaims } from '../../core/kube/resources.ts';
import { mountsOf } from '../../operator/volumes/gateway-template.ts';
import { type AuditedRequest, auditedRequests } from '../harness/audit-log.ts';
import { type ControlPlane, startControlPlane } from '../harness/control-plane.ts';
import { applyCrds } from '../harness/crds.ts';
import { grantsOf, needless } from '../harness/grants.ts';
import { temporaryFolder } from '../harness/temporary-folder.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createStageOn, type Stage } from './operator/stage.ts';

let controlPlane: ControlPlane;
let stage: Stage;
let folder: string;

const auditLog = () => path.join(folder, 'audit.log');
const requests = (): Promise<AuditedRequest[]> => auditedRequests(auditLog(), stage.namespace.name, 'talaria-operator');
const grants = () => grantsOf(stage.namespace, 'talaria-operator-volumes');

/** The life of two claims, one mounted in a rollout that stands still a while, the other kept and adopted. */
beforeAll(async () => {
  folder = await temporaryFolder('rbac-volumes');
  controlPlane = await startControlPlane({ auditLog: auditLog() });
  await applyCrds(controlPlane.kubeconfig);
  stage = await createStageOn(controlPlane.kubeconfig, '--set', 'profiles.agentVolumes.enabled=true');
  await finishRollout();
  stage.startOperator({ agentVolumes: { betweenRolloutsMs: 0, standstillMs: 300 } });
  await stage.startReplica('talaria-gateway-0');
  await stage.namespace.apply([agent('coder', 'Delete'), agent('writer', 'Retain')]);
  await bind('talaria-profile-coder');
  await mounted(1);
  await waitFor('a look for what holds the rollout up', async () =>
    (await requests()).some(({ verb, resource }) => verb === 'list' && resource === 'pods'),
  );
  await finishRollout();
  await stage.namespace.kubectl(['delete', 'agents.talaria.dev', 'coder', 'writer']);
  await mounted(0);
  await finishRollout();
  await stage.namespace.apply([agent('writer', 'Retain')]);
  await waitFor('every right to be used', async () => needless(await grants(), await requests()).length === 0).catch(
    // The tests below say which is not.
    () => undefined,
  );
});
afterAll(async () => {
  await stage.stop();
  await controlPlane.stop();
  await rm(folder, { recursive: true });
});

it('volumes take no right that the chart does not give for them', async () => {
  expect((await requests()).filter(({ code }) => code === 403)).toEqual([]);
});

it('the role for volumes has no verb without which everything would have been allowed as well', async () => {
  expect((await grants()).length).toBeGreaterThan(8);
  expect(needless(await grants(), await requests())).toEqual([]);
});

function agent(name: string, reclaimPolicy: string) {
  const spec = { profile: { volume: { size: '1Gi', reclaimPolicy } } };
  return { apiVersion: 'talaria.dev/v1alpha1', kind: 'Agent', metadata: { name }, spec };
}

/** What binds claims on a cluster. */
async function bind(name: string): Promise<void> {
  await waitFor(`the claim ${name}`, () => stage.client.get(persistentVolumeClaims, name));
  await stage.client.applyStatus(persistentVolumeClaims, { metadata: { name }, status: { phase: 'Bound' } });
}

async function mounted(count: number): Promise<void> {
  await waitFor(`a template with ${count} volumes`, async () => {
    const { spec } = await gateways();
    return Object.keys(mountsOf(spec?.template)).length === count;
  });
}

/** What the controller of Deployments says when all pods are new and available. */
async function finishRollout(): Promise<void> {
  const { metadata, spec } = await gateways();
  const count = spec?.replicas ?? 1;
  const pods = { replicas: count, updatedReplicas: count, readyReplicas: count, availableReplicas: count };
  const status = { observedGeneration: metadata.generation ?? 0, ...pods };
  await stage.client.applyStatus(deployments, { metadata: { name: metadata.name }, status });
}

async function gateways() {
  const found = await stage.client.get(deployments, 'talaria-gateway');
  if (found === undefined) throw new Error('there is no Deployment of the gateways');
  return found;
}

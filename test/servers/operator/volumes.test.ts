import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createKubeClient } from '../../../core/kube/client.ts';
import {
  deployments,
  events,
  type PersistentVolumeClaim,
  persistentVolumeClaims,
  pods,
  replicaSets,
} from '../../../core/kube/resources.ts';
import type { KubeClient } from '../../../core/kube/types.ts';
import { retryAnnotation } from '../../../operator/volumes/claims.ts';
import { mountsOf, withVolumes } from '../../../operator/volumes/gateway-template.ts';
import { chartFolder, externalDatabase, helm } from '../../harness/helm.ts';
import { createNamespace } from '../../harness/namespace.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createStage, type Replica, type RunningOperator, readyAgent, type Stage, settled, short } from './stage.ts';

const enabled = ['--set', 'profiles.agentVolumes.enabled=true'];
const notReady = (reason: string) => [
  'Accepted=True Accepted',
  'Programmed=True Programmed',
  'ResolvedRefs=True ResolvedRefs',
  `ProfileReady=False ${reason}`,
  'Ready=False ProfileNotReady',
  'Reconciling=True ProfileNotReady',
];

let stage: Stage;
let operator: RunningOperator;
let replica: Replica;

describe('a volume of an Agent', () => {
  beforeAll(async () => {
    stage = await createStage(...enabled);
    await finishRollout();
    operator = stage.startOperator({ agentVolumes: { betweenRolloutsMs: 0 } });
    replica = await stage.startReplica('talaria-gateway-0');
  });
  afterAll(() => stage.stop());

  it('becomes a claim without an owner; until gateways have it mounted the agent is refused, and then it serves', async () => {
    await stage.namespace.apply([agent('coder', { size: '1Gi', reclaimPolicy: 'Delete' })]);
    const made = await claim('talaria-profile-coder');
    const { uid } = (await settled(stage, 'Agent', 'coder', notReady('VolumePending'))).metadata;
    expect(made.metadata.labels).toMatchObject({
      'talaria.dev/agent': 'coder',
      'talaria.dev/agent-uid': uid,
      'talaria.dev/reclaim': 'Delete',
    });
    expect(made.metadata.ownerReferences).toBeUndefined();
    expect(made.spec).toMatchObject({ accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1Gi' } } });
    expect(entry('coder')).toMatchObject({ refuse: 'agent_not_ready', refuseReason: 'VolumePending' });
    expect(await mounts()).toEqual({});

    await bind('talaria-profile-coder');
    await waitFor('the volume in the template', async () => (await mounts()).coder === 'talaria-profile-coder');
    await finishRollout();
    const { status } = await settled(stage, 'Agent', 'coder', readyAgent);
    expect(status.claimName).toBe('talaria-profile-coder');
    await waitFor('the agent to serve', () => entry('coder')?.refuse === undefined);
    expect(entry('coder')?.profile).toEqual({ volume: true });
  });

  it('adds nothing else to the Deployment, and is kept by whoever applies the chart again', async () => {
    const { spec } = await deployment();
    const [container] = spec?.template?.spec?.containers ?? [];
    expect(container).toMatchObject({ name: 'gateway', image: expect.stringMatching(/^talaria:/) });
    expect(container?.volumeMounts).toContainEqual({
      name: 'agent-coder',
      mountPath: '/var/lib/talaria-homes/coder/workspace',
    });
    expect(container?.volumeMounts).toHaveLength(7);
    await stage.install(...enabled, '--set', 'gateway.replicas=3');
    expect((await deployment()).spec?.replicas).toBe(3);
    expect(await mounts()).toEqual({ coder: 'talaria-profile-coder' });
    await finishRollout();
  });

  it('writes nothing while nothing changes, however often everything is looked at, and after a restart', async () => {
    await settled(stage, 'Agent', 'coder', readyAgent);
    const before = await versions();
    const passes = await operator.passes();
    operator.reconcileAll();
    await waitFor('a pass', async () => (await operator.passes()) > passes);
    await operator.stop();
    operator = stage.startOperator({ podName: 'talaria-operator-1', agentVolumes: { betweenRolloutsMs: 0 } });
    await waitFor('the new one to have looked', () => operator.leading() && operator.unready() === undefined);
    await stage.namespace.apply([agent('other')]);
    await settled(stage, 'Agent', 'other', readyAgent);
    expect(await versions()).toEqual(before);
    expect(entry('coder')).toMatchObject({ profile: { volume: true } });
    expect(entry('coder')?.refuse).toBeUndefined();
  });

  it('leaves the template with its Agent; the claim goes once no ReplicaSet that lives names it', async () => {
    const old = await createReplicaSet();
    await stage.namespace.kubectl(['delete', 'agents.talaria.dev', 'coder']);
    await waitFor('the template to be without it', async () => Object.keys(await mounts()).length === 0);
    expect((await deployment()).spec?.template?.spec?.volumes).toHaveLength(5);
    await finishRollout();
    expect(await isBeingDeleted('talaria-profile-coder')).toBe(false);
    await stage.client.delete(replicaSets, old);
    await waitFor('the claim to go', () => isBeingDeleted('talaria-profile-coder'));
  });

  it('that is to be retained is adopted by the next Agent of the same name, and an Event says so', async () => {
    await stage.namespace.apply([agent('writer', { size: '1Gi' })]);
    const first = await claim('talaria-profile-writer');
    await stage.namespace.kubectl(['delete', 'agents.talaria.dev', 'writer']);
    await stage.namespace.apply([agent('writer', { size: '1Gi' })]);
    const { uid } = (await settled(stage, 'Agent', 'writer', notReady('VolumePending'))).metadata;
    const adopted = await waitFor('the label', async () => {
      const found = await claim('talaria-profile-writer');
      return found.metadata.labels?.['talaria.dev/agent-uid'] === uid && found;
    });
    expect(adopted.metadata.uid).toBe(first.metadata.uid);
    await waitFor('the Event', async () =>
      (await stage.client.list(events)).items.some(
        ({ reason, regarding }) => reason === 'ClaimAdopted' && regarding?.uid === uid,
      ),
    );
  });

  it('of an existing claim needs the label of its Agent', async () => {
    await stage.namespace.apply([existingClaim('data'), agent('reader', { existingClaim: 'data' })]);
    await settled(stage, 'Agent', 'reader', notReady('ClaimNotLabeled'));
    await bind('data');
    await stage.namespace.kubectl(['label', 'persistentvolumeclaim', 'data', 'talaria.dev/agent=reader']);
    await waitFor('the volume in the template', async () => (await mounts()).reader === 'data');
    await finishRollout();
    await settled(stage, 'Agent', 'reader', readyAgent);
  });
});

describe('a claim that gateways cannot use', () => {
  beforeEach(async () => {
    stage = await createStage(...enabled);
    await finishRollout();
    return () => stage.stop();
  });

  it('begins no rollout, except when its class waits for a pod; when gateways cannot start with it, it is taken out', async () => {
    stage.startOperator({ agentVolumes: { betweenRolloutsMs: 0, standstillMs: 300 } });
    replica = await stage.startReplica('talaria-gateway-0');
    await stage.namespace.apply([agent('coder', { size: '1Gi' }), agent('other')]);
    const { metadata } = await claim('talaria-profile-coder');
    await settled(stage, 'Agent', 'coder', notReady('VolumePending'));
    expect(await mounts()).toEqual({});

    await sayThatItWaits(metadata);
    await stage.namespace.kubectl(['annotate', 'persistentvolumeclaim', metadata.name, 'looked-at=now']);
    await waitFor('the volume in the template', async () => (await mounts()).coder !== undefined);
    await createPendingPod();
    await settled(stage, 'Agent', 'coder', notReady('VolumeUnavailable'));
    expect(await mounts()).toEqual({});
    await settled(stage, 'Agent', 'other', readyAgent);

    await finishRollout();
    const retry = `${retryAnnotation}=now`;
    await stage.namespace.kubectl(['annotate', 'persistentvolumeclaim', 'talaria-profile-coder', retry]);
    await waitFor('another try', async () => (await mounts()).coder !== undefined);
    await waitFor('it to be taken out again', async () => (await mounts()).coder === undefined);
  });

  it('is taken out although it is bound when gateways cannot start with it', async () => {
    stage.startOperator({ agentVolumes: { betweenRolloutsMs: 0, standstillMs: 300 } });
    await stage.startReplica('talaria-gateway-0');
    await stage.namespace.apply([agent('coder', { size: '1Gi' })]);
    await bind('talaria-profile-coder');
    await waitFor('the volume in the template', async () => (await mounts()).coder !== undefined);
    await createPendingPod();
    await settled(stage, 'Agent', 'coder', notReady('VolumeUnavailable'));
    expect(await mounts()).toEqual({});
  });
});

describe('where the chart allows no volumes', () => {
  it('an Agent that asks for one says so, is refused, and no claim is made', async () => {
    stage = await createStage();
    stage.startOperator();
    await stage.startReplica('talaria-gateway-0');
    await stage.namespace.apply([agent('coder', { size: '1Gi' })]);
    const stored = await settled(stage, 'Agent', 'coder', notReady('VolumesDisabled'));
    expect(short(stored)).toContain('ProfileReady=False VolumesDisabled');
    expect((await stage.client.list(persistentVolumeClaims)).items).toEqual([]);
    await stage.stop();
  });
});

describe('the volumes in the pod template', () => {
  it('outlive helm upgrade, are refused from an old picture, and never make the Deployment', async () => {
    const namespace = await createNamespace(inject('kubeconfig'));
    const client = createKubeClient({
      kubeconfig: inject('kubeconfig'),
      namespace: namespace.name,
      fieldManager: 'tester',
    });
    const release = (verb: string, ...flags: string[]) =>
      helm([verb, 'talaria', chartFolder, '-n', namespace.name, ...externalDatabase, ...flags], inject('kubeconfig'));
    await release('install');
    const old = await deployment(client);
    const memory = { mounts: { coder: 'data' }, added: ['coder'], changedAt: 1, setAside: {} };
    const apply = () => client.apply(deployments, withVolumes(old, memory), { fieldManager: 'talaria-volumes' });
    await apply();
    await release('upgrade', '--set', 'gateway.replicas=3,logLevel=debug');
    const { spec } = await deployment(client);
    expect(spec?.replicas).toBe(3);
    expect(mountsOf(spec?.template)).toEqual({ coder: 'data' });
    await expect(apply()).rejects.toMatchObject({ status: 409 });
    await client.delete(deployments, 'talaria-gateway');
    await expect(apply()).rejects.toThrow('talaria-gateway');
    expect(await client.get(deployments, 'talaria-gateway')).toBeUndefined();
    await client.close();
  });
});

function agent(name: string, volume?: object) {
  const spec = volume === undefined ? {} : { profile: { volume } };
  return { apiVersion: 'talaria.dev/v1alpha1', kind: 'Agent', metadata: { name }, spec };
}

function existingClaim(name: string) {
  const spec = { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1Gi' } } };
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name }, spec };
}

function entry(name: string) {
  return replica.configuration()?.snapshot.content.agents.find((served) => served.name === name);
}

async function deployment(client: KubeClient = stage.client) {
  const found = await client.get(deployments, 'talaria-gateway');
  if (found === undefined) throw new Error('there is no Deployment');
  return found;
}

async function mounts() {
  return mountsOf((await deployment()).spec?.template);
}

function claim(name: string): Promise<PersistentVolumeClaim> {
  return waitFor(`the claim ${name}`, () => stage.client.get(persistentVolumeClaims, name));
}

async function isBeingDeleted(name: string): Promise<boolean> {
  const found = await stage.client.get(persistentVolumeClaims, name);
  return found === undefined || found.metadata.deletionTimestamp !== undefined;
}

async function bind(name: string): Promise<void> {
  await claim(name);
  await stage.client.applyStatus(persistentVolumeClaims, { metadata: { name }, status: { phase: 'Bound' } });
}

/** What the controller of Deployments says when all pods are new and available. */
async function finishRollout(): Promise<void> {
  const { metadata, spec } = await deployment();
  const count = spec?.replicas ?? 1;
  const status = {
    observedGeneration: metadata.generation ?? 0,
    replicas: count,
    updatedReplicas: count,
    readyReplicas: count,
    availableReplicas: count,
  };
  await stage.client.applyStatus(deployments, { metadata: { name: metadata.name }, status });
}

/** The ReplicaSet of the present template. Gives its name. */
async function createReplicaSet(): Promise<string> {
  const { metadata, spec } = await deployment();
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: metadata.name, uid: metadata.uid ?? '' };
  const labels = { 'app.kubernetes.io/name': 'talaria', 'app.kubernetes.io/component': 'gateway' };
  const own = { name: 'talaria-gateway-old', labels, ownerReferences: [owner] };
  const template = spec?.template ?? {};
  const rest = { replicas: 1, selector: { matchLabels: labels }, template };
  return (await stage.client.create(replicaSets, { metadata: own, spec: rest })).metadata.name;
}

/** What the controller of volumes says of a claim whose class waits for a pod. */
async function sayThatItWaits({ name, uid = '' }: PersistentVolumeClaim['metadata']): Promise<void> {
  const regarding = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, uid };
  const note = 'waiting for first consumer to be created before binding';
  await stage.client.createEvent({ regarding, type: 'Normal', reason: 'WaitForFirstConsumer', action: 'Bind', note });
}

/** A gateway pod that no node takes. */
async function createPendingPod(): Promise<void> {
  const labels = { 'app.kubernetes.io/name': 'talaria', 'app.kubernetes.io/component': 'gateway' };
  const spec = { containers: [{ name: 'gateway', image: 'talaria:test' }], automountServiceAccountToken: false };
  const name = 'talaria-gateway-new';
  await stage.namespace.apply([{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }]);
  await stage.namespace.apply([{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec }]);
  expect((await stage.client.get(pods, name))?.status?.phase).toBe('Pending');
}

async function versions(): Promise<readonly (string | undefined)[]> {
  const { items } = await stage.client.list(persistentVolumeClaims);
  return [await deployment(), ...items].map(({ metadata }) => metadata.resourceVersion);
}

import type { Deployment, PersistentVolumeClaim, Pod, ReplicaSet } from '../../../../core/kube/resources.ts';
import { newClaim } from '../../../../operator/volumes/claims.ts';
import { type Mounts, withVolumes } from '../../../../operator/volumes/gateway-template.ts';
import type { VolumeMemory } from '../../../../operator/volumes/memory.ts';
import type { PlanInput } from '../../../../operator/volumes/plan.ts';
import { nobody } from '../../../../operator/volumes/suspects.ts';
import type { VolumeSpec, VolumeWish } from '../../../../operator/volumes/wishes.ts';

/** What an Agent asks for; ReadWriteMany of 1Gi unless said. */
export function wish(agent: string, volume: Partial<VolumeSpec> = {}): VolumeWish {
  const source = volume.existingClaim === undefined ? { size: '1Gi' } : {};
  return {
    agent,
    uid: `uid-${agent}`,
    namespace: 'team',
    createdAt: '2026-01-01T00:00:00Z',
    volume: { ...source, accessMode: 'ReadWriteMany', reclaimPolicy: 'Retain', ...volume },
    claimName: volume.existingClaim ?? `talaria-profile-${agent}`,
  };
}

/** The claim that was made for a wish, as the API server has it. */
export function claimOf(
  made: VolumeWish,
  { phase = 'Bound', ...metadata }: { readonly phase?: string } & Partial<PersistentVolumeClaim['metadata']> = {},
): PersistentVolumeClaim {
  const claim = newClaim(made);
  const own = { ...claim.metadata, uid: `claim-${made.claimName}`, resourceVersion: '7' };
  return { ...claim, metadata: { ...own, ...metadata }, status: { phase } };
}

export interface GatewayState {
  readonly mounts?: Mounts;
  readonly memory?: Partial<VolumeMemory>;
  readonly replicas?: number;
  readonly strategy?: 'RollingUpdate' | 'Recreate';
  /** False: a rollout is under way. */
  readonly finished?: boolean;
}

/** The gateways' Deployment with these volumes in its template; remembered is the same unless said. */
export function gateways({
  mounts = {},
  memory = {},
  replicas = 2,
  strategy = 'RollingUpdate',
  finished = true,
}: GatewayState = {}): Deployment {
  const remembered = { mounts, added: [], changedAt: 0, setAside: {}, ...memory };
  const bare = { metadata: { name: 'talaria-gateway', uid: 'gateways', resourceVersion: '3', generation: 5 } };
  const { metadata } = withVolumes(bare, remembered);
  const { spec } = withVolumes(bare, { ...remembered, mounts });
  return {
    metadata: { ...bare.metadata, ...metadata },
    spec: { replicas, strategy: { type: strategy }, template: spec?.template ?? {} },
    status: {
      observedGeneration: 5,
      replicas,
      updatedReplicas: finished ? replicas : replicas - 1,
      availableReplicas: replicas,
    },
  };
}

/** A ReplicaSet of the gateways with the template of `state`. */
export function replicaSet(state: GatewayState, replicas = 1): ReplicaSet {
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'talaria-gateway', uid: 'gateways' };
  return {
    metadata: { name: 'talaria-gateway-1', ownerReferences: [owner] },
    spec: { replicas, template: gateways(state).spec?.template ?? {} },
  };
}

/** A gateway pod with the template of `state`. */
export function pod(state: GatewayState, phase = 'Running'): Pod {
  const { spec = {} } = gateways(state).spec?.template ?? {};
  return { metadata: { name: 'talaria-gateway-1-abc' }, spec, status: { phase } };
}

export const now = 10_000_000;

/** Everything that a plan is made from; claims are given as a list. */
export function input({
  claims = [],
  ...rest
}: Partial<Omit<PlanInput, 'claims'>> & { readonly claims?: readonly PersistentVolumeClaim[] }): PlanInput {
  const wishes = rest.wishes ?? [];
  return {
    wishes,
    claims: new Map(claims.map((claim) => [claim.metadata.name, claim])),
    deployment: gateways(),
    replicaSets: [],
    pods: [],
    refusals: new Map(),
    agents: new Set(wishes.map(({ agent }) => agent)),
    waiting: new Set(),
    suspects: nobody,
    now,
    betweenRolloutsMs: 60_000,
    ...rest,
  };
}

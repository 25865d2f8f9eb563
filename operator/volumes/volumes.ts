import { after, createController, done, type Outcome } from '../../core/kube/controller.ts';
import { isConflict } from '../../core/kube/kube-error.ts';
import {
  type Deployment,
  deployments,
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from '../../core/kube/resources.ts';
import type { KubeClient } from '../../core/kube/types.ts';
import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import type { SnapshotContent } from '../../core/snapshot/schema.ts';
import type { Agent } from '../../crds/agent.ts';
import type { AgentVolume, Declared } from '../resources.ts';
import { createClaimMaker, isRefusal, refusedAgainMs } from './claim-maker.ts';
import { agentUidLabel, changingLabels } from './claims.ts';
import { gatewayDeployment, mountsOf, volumesFieldManager, withVolumes } from './gateway-template.ts';
import { createInquiries } from './inquiries.ts';
import { readMemory, type VolumeMemory } from './memory.ts';
import type { VolumeWorld } from './obstacles.ts';
import { orphanedClaims, planVolumes, type VolumePlan } from './plan.ts';
import { createStandstill } from './standstill.ts';
import { keptStates, volumeStates } from './states.ts';
import { nobody, type Suspects } from './suspects.ts';
import { createVolumeWatch } from './watch.ts';
import { type VolumeWish, volumeWishes } from './wishes.ts';

/** Gives Agents the volumes that they ask for: claims, and volumes in the pod template of the gateways. */
export interface AgentVolumes {
  readonly startWatching: () => void;
  /** Called when this process leads: from now on it writes. */
  readonly lead: () => void;
  readonly stop: () => Promise<void>;
  readonly synced: () => boolean;
  readonly whenSynced: (signal: AbortSignal) => Promise<void>;
  /** What became of the volume of each Agent that asks for one. While nothing changed it is the same list. */
  readonly states: (agents: Agents, published: SnapshotContent) => readonly AgentVolume[];
  /** A pass is over and this is published: looks for what is to be done. */
  readonly act: (published: SnapshotContent) => void;
}

export interface AgentVolumesOptions {
  readonly client: Pick<KubeClient, 'list' | 'watch' | 'get' | 'create' | 'apply' | 'delete'>;
  /** Asked before each write. Throws when this process does not lead. */
  readonly demandLeadership: () => void;
  /** The states are no longer those of the last pass. */
  readonly onChange: () => void;
  /** An Agent got the claim that an earlier one of its name had left. */
  readonly onAdopted: (agent: Pick<VolumeWish, 'agent' | 'uid'>, claim: string) => void;
  /** How many claims are left of Agents that are gone. */
  readonly onOrphans: (count: number) => void;
  /** A rollout was undone because volumes held it up. */
  readonly onUndone: () => void;
  readonly onMissed: (resource: string, count: number) => void;
  readonly onFailure: (resource: string) => void;
  readonly onError: () => void;
  readonly log: Logger;
  readonly clock: Clock;
  /** How long a rollout may stand still because of a volume. Default 120 s. */
  readonly standstillMs?: number | undefined;
  /** The time between two rollouts that volumes begin. Default 60 s. */
  readonly betweenRolloutsMs?: number | undefined;
}

type Agents = readonly Declared<Agent>[];

/** Nothing tells that a claim begins to wait for a pod, or that a rollout stands still. */
const lookAgainMs = 5_000;
/** The watch brings what somebody else wrote; this is for when it brought it before. */
const conflictRetryMs = 1_000;

/** Makes AgentVolumes that write. It reads before it leads, and writes only then. */
export function createAgentVolumes(options: AgentVolumesOptions): AgentVolumes {
  const { client, log, clock } = options;
  const { standstillMs = 120_000, betweenRolloutsMs = 60_000 } = options;
  const standstill = createStandstill(clock.monotonic);
  const inquiries = createInquiries(client);
  const claims = createClaimMaker(options);
  let agents: Agents = [];
  let wishes: readonly VolumeWish[] = [];
  let states: readonly AgentVolume[] = [];
  /** Before the first pass no Agent is known, and every claim would look as if its Agent were gone. */
  let passed = false;
  /** When a change of the template was seen to be rolled out: what it added holds up no later rollout. */
  let provenAt = 0;

  const watch = createVolumeWatch({ ...options, onChange: () => controller.add(key) });

  const world = (): VolumeWorld => ({
    wishes,
    claims: new Map(watch.claims.list().map((claim) => [claim.metadata.name, claim])),
    deployment: watch.deployments.get(gatewayDeployment),
    replicaSets: watch.replicaSets.list(),
    pods: watch.pods.list(),
    refusals: claims.refusals,
  });

  const reconcile = async (): Promise<Outcome> => {
    if (!passed) return done;
    const now = world();
    if (keptStates(volumeStates(now), states) !== states) options.onChange();
    const stoodMs = standstill.of(now.deployment);
    if (stoodMs === undefined) provenAt = memoryOf(now)?.changedAt ?? 0;
    const { waiting, unclear } = await inquiries.waiting(now);
    const suspects = stoodMs !== undefined && stoodMs >= standstillMs ? await suspectsIn(now) : nobody;
    const names = new Set(agents.map(({ name }) => name));
    const input = { ...now, agents: names, waiting, suspects, now: clock.now(), betweenRolloutsMs };
    options.onOrphans(orphanedClaims(input).length);
    const plan = planVolumes(input);
    const failures = await carryOut(plan, now, suspects.agents);
    const delays = [
      plan.waitMs,
      unclear ? lookAgainMs : undefined,
      untilStandstill(stoodMs, now),
      claims.lookAgainMs(wishes),
      untilTriedAgain(failures),
    ];
    const known = delays.filter((delay) => delay !== undefined);
    return known.length === 0 ? done : after(Math.min(...known));
  };

  const suspectsIn = async (now: VolumeWorld): Promise<Suspects> => {
    const memory = memoryOf(now);
    const added = memory === undefined || memory.changedAt === provenAt ? [] : memory.added;
    return inquiries.suspects(now, added);
  };

  const untilStandstill = (stoodMs: number | undefined, { deployment }: VolumeWorld): number | undefined => {
    if (stoodMs === undefined || Object.keys(mountsOf(deployment?.spec?.template)).length === 0) return undefined;
    return Math.max(Math.min(lookAgainMs, standstillMs), standstillMs - stoodMs);
  };

  const tellUndone = (suspected: readonly string[]): void => {
    log.error({ agents: suspected }, 'gateways did not start with the volumes of these Agents, so they were taken out');
    options.onUndone();
  };

  /** Each step by itself: what the API server has against one claim must not keep the gateways of all from starting. */
  const carryOut = async (
    plan: VolumePlan,
    { deployment }: VolumeWorld,
    suspected: readonly string[],
  ): Promise<readonly unknown[]> => {
    const steps = [
      () => mount(plan.mount, deployment, suspected),
      ...plan.make.map((wish) => () => claims.make(wish)),
      ...plan.relabel.map(
        ({ wish, claim }) =>
          () =>
            relabel(wish, claim),
      ),
      ...plan.remove.map((claim) => () => remove(claim)),
    ];
    const failures: unknown[] = [];
    for (const step of steps) await step().catch((error: unknown) => failures.push(error));
    return failures;
  };

  const mount = async (
    memory: VolumeMemory | undefined,
    deployment: Deployment | undefined,
    suspected: readonly string[],
  ): Promise<void> => {
    if (memory === undefined || deployment === undefined) return;
    options.demandLeadership();
    await client.apply(deployments, withVolumes(deployment, memory), { fieldManager: volumesFieldManager });
    log.info({ volumes: Object.keys(memory.mounts), added: memory.added }, 'changed the volumes of the gateways');
    if (suspected.length > 0) tellUndone(suspected);
  };

  /** Throws what only a new attempt of the whole can cure; what is refused is not asked again and again. */
  const untilTriedAgain = (failures: readonly unknown[]): number | undefined => {
    for (const failure of failures) {
      if (isConflict(failure)) continue;
      if (!isRefusal(failure)) throw failure;
      log.error({ err: failure }, 'the API server refuses a change for the volumes of Agents');
      options.onError();
    }
    if (failures.length === 0) return undefined;
    return failures.some(isConflict) ? conflictRetryMs : refusedAgainMs;
  };

  const relabel = async (wish: VolumeWish, { metadata }: PersistentVolumeClaim): Promise<void> => {
    const { name, resourceVersion = '' } = metadata;
    options.demandLeadership();
    const labels = changingLabels(wish);
    const changed = { metadata: { name, resourceVersion, labels } };
    await client.apply(persistentVolumeClaims, changed, { fieldManager: volumesFieldManager });
    if (metadata.labels?.[agentUidLabel] !== wish.uid) options.onAdopted(wish, name);
  };

  const remove = async ({ metadata }: PersistentVolumeClaim): Promise<void> => {
    const { name, uid, resourceVersion } = metadata;
    options.demandLeadership();
    await client.delete(persistentVolumeClaims, name, { uid, resourceVersion });
    log.info({ claim: name }, 'deleted the claim of an Agent that is gone');
  };

  const controller = createController({
    name: key,
    reconcile,
    log,
    onError: options.onError,
    backoffMaxMs: 30_000,
  });

  return {
    startWatching: watch.start,
    lead: controller.start,
    stop: async () => {
      await Promise.all([watch.stop(), controller.stop()]);
    },
    synced: watch.synced,
    whenSynced: watch.whenSynced,
    states: (now, published) => {
      agents = now;
      wishes = volumeWishes(now, published);
      states = keptStates(volumeStates(world()), states);
      return states;
    },
    act: (published) => {
      passed = true;
      wishes = volumeWishes(agents, published);
      controller.add(key);
    },
  };
}

const key = 'volumes';

function memoryOf({ deployment }: VolumeWorld): VolumeMemory | undefined {
  return deployment && readMemory(deployment);
}

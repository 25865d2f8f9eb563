import { canonicalJson } from '../../core/lib/json.ts';
import type { AgentVolume, VolumeProblem } from '../resources.ts';
import { agentOf, isBound } from './claims.ts';
import { mountedEverywhere } from './gateway-template.ts';
import { obstacle, recordedMounts, type VolumeWorld } from './obstacles.ts';
import type { VolumeWish } from './wishes.ts';

/** What became of each wish: mounted in every gateway pod, or why not. A pure function; one state for each wish. */
export function volumeStates(world: VolumeWorld): readonly AgentVolume[] {
  return world.wishes.map((wish) => ({
    agent: wish.agent,
    problem: obstacle(wish, world) ?? pending(wish, world),
    claimName: usableClaim(wish, world),
  }));
}

/** The states where the chart does not allow volumes. */
export function disabledStates(wishes: readonly VolumeWish[]): readonly AgentVolume[] {
  return wishes.map(({ agent }) => ({ agent, problem: disabled, claimName: undefined }));
}

/** The previous value of what is the same: translate keeps its work by identity. */
export function keptStates(states: readonly AgentVolume[], before: readonly AgentVolume[]): readonly AgentVolume[] {
  const known = new Map(before.map((state) => [state.agent, state]));
  const reused = states.map((state) => {
    const previous = known.get(state.agent);
    return previous !== undefined && canonicalJson(previous) === canonicalJson(state) ? previous : state;
  });
  const isSame = reused.length === before.length && reused.every((state, at) => state === before[at]);
  return isSame ? before : reused;
}

const disabled: VolumeProblem = {
  reason: 'VolumesDisabled',
  message: `this release mounts no volumes of Agents; set the chart's profiles.agentVolumes.enabled to true, or remove the volume`,
};

function pending({ agent, claimName }: VolumeWish, world: VolumeWorld): VolumeProblem | undefined {
  const { claims, deployment } = world;
  if (deployment !== undefined && mountedEverywhere(world)[agent] === claimName) return undefined;
  const claim = claims.get(claimName);
  const isInTemplate = deployment !== undefined && recordedMounts(deployment)[agent] === claimName;
  const message =
    isInTemplate || (claim !== undefined && isBound(claim))
      ? `PersistentVolumeClaim "${claimName}" waits for the rollout of the gateways that mounts it`
      : `PersistentVolumeClaim "${claimName}" is not bound; gateways mount it once it is, or at once when its class waits for its first consumer`;
  return { reason: 'VolumePending', message };
}

function usableClaim({ agent, claimName }: VolumeWish, { claims }: VolumeWorld): string | undefined {
  const claim = claims.get(claimName);
  return claim !== undefined && agentOf(claim) === agent ? claimName : undefined;
}

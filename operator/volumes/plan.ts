import type { PersistentVolumeClaim } from '../../core/kube/resources.ts';
import { agentOf, changingLabels, isBound, isManaged, reclaimLabel, trialKey } from './claims.ts';
import { isFinished, isNamed, type Mounts, mountsOf } from './gateway-template.ts';
import { readMemory, type VolumeMemory } from './memory.ts';
import { isToBeMade, obstacle, recordedMounts, type VolumeWorld } from './obstacles.ts';
import type { Suspects } from './suspects.ts';
import type { VolumeWish } from './wishes.ts';

/** What is to be done now. */
export interface VolumePlan {
  /** Wishes whose claim is to be made. */
  readonly make: readonly VolumeWish[];
  /** Claims of ours whose labels say something else than their Agent. */
  readonly relabel: readonly { readonly wish: VolumeWish; readonly claim: PersistentVolumeClaim }[];
  /** Claims that nobody needs any more and whose Agent wanted them gone with it. */
  readonly remove: readonly PersistentVolumeClaim[];
  /** What the gateways' pod template is to have, with what is remembered; undefined: nothing is to be changed now. */
  readonly mount: VolumeMemory | undefined;
  /** A change of the template waits for this long; undefined: none does, or it waits for the rollout to finish. */
  readonly waitMs: number | undefined;
}

export interface PlanInput extends VolumeWorld {
  /** Names of all Agents, whatever they ask for. */
  readonly agents: ReadonlySet<string>;
  /** Claims that are not bound because their class waits for a pod. */
  readonly waiting: ReadonlySet<string>;
  /** Who holds up a rollout that stands still. */
  readonly suspects: Suspects;
  /** Unix milliseconds. */
  readonly now: number;
  /** Time between two rollouts that volumes begin. */
  readonly betweenRolloutsMs: number;
}

/**
 * Decides what to do about the volumes of agents. A change of the template is a rollout of every gateway: one at a time,
 * and none soon after another. What keeps gateways from starting is taken out also while one is under way.
 */
export function planVolumes(input: PlanInput): VolumePlan {
  const { wishes, claims } = input;
  const own = wishes.flatMap((wish) => {
    const claim = claims.get(wish.claimName);
    return claim !== undefined && agentOf(claim) === wish.agent && isManaged(claim) ? [{ wish, claim }] : [];
  });
  return {
    make: wishes.filter((wish) => isToBeMade(wish, input)),
    relabel: own.filter(({ wish, claim }) => isLabelledOtherwise(wish, claim)),
    remove: orphanedClaims(input).filter((claim) => isToBeRemoved(claim, input)),
    ...planMounts(input),
  };
}

/** Claims that the operator made for Agents that are gone. */
export function orphanedClaims({
  claims,
  agents,
}: Pick<PlanInput, 'claims' | 'agents'>): readonly PersistentVolumeClaim[] {
  return [...claims.values()].filter((claim) => isManaged(claim) && !agents.has(agentOf(claim) ?? ''));
}

function isLabelledOtherwise(wish: VolumeWish, { metadata }: PersistentVolumeClaim): boolean {
  return Object.entries(changingLabels(wish)).some(([label, value]) => metadata.labels?.[label] !== value);
}

function isToBeRemoved({ metadata }: PersistentVolumeClaim, gateways: VolumeWorld): boolean {
  if (metadata.labels?.[reclaimLabel] !== 'Delete' || metadata.deletionTimestamp !== undefined) return false;
  return !isNamed(metadata.name, gateways);
}

const nothing = { mount: undefined, waitMs: undefined };

function planMounts(input: PlanInput): Pick<VolumePlan, 'mount' | 'waitMs'> {
  const { deployment, suspects, now } = input;
  if (deployment === undefined) return nothing;
  const recorded = recordedMounts(deployment);
  const memory = readMemory(deployment) ?? { mounts: recorded, added: [], changedAt: 0, setAside: {} };
  const setAside = { ...stillAside(memory, input), ...newlyAside(suspects, input) };
  const mountable = mountsOfWishes(input, setAside);
  const kept = withoutAll(shared(recorded, mountable), suspects.agents);
  const finished = isFinished(deployment);
  const undone = finished && memory.added.length > 0 ? 0 : (memory.undone ?? 0);
  if (suspects.agents.length > 0) {
    return { ...nothing, mount: { mounts: kept, added: [], changedAt: now, undone: undone + 1, setAside } };
  }
  const wanted = finished ? { ...kept, ...additions(mountable, recorded, setAside) } : kept;
  const waitOf = (mounts: Mounts): number => {
    const slower = addedIn(mounts, recorded).length === 0 ? 1 : 2 ** Math.min(undone, mostDoublings);
    return untilNextRollout(now - memory.changedAt, input.betweenRolloutsMs * slower);
  };
  // What is to leave does not wait for what is to come.
  const target = waitOf(wanted) > waitOf(kept) && !isSame(kept, recorded) ? kept : wanted;
  if (isSame(target, recorded) && isSame(shared(target, mountsOf(deployment.spec?.template)), target)) return nothing;
  if (!finished && !holdsUp(input, recorded)) return nothing;
  const waitMs = waitOf(target);
  if (waitMs > 0) return { ...nothing, waitMs };
  const added = addedIn(target, recorded);
  const tried = withoutAll(setAside, added);
  const mount = { mounts: target, added, changedAt: now, ...(undone > 0 && { undone }), setAside: tried };
  return { ...nothing, mount };
}

/**
 * Claims that gateways cannot start with can be made anew without end, and each try may be an outage: after rollouts that were
 * undone, one that adds volumes comes later, at most sixteen times.
 */
const mostDoublings = 4;

/** A change that is far in the future was made by a clock that was wrong, and nobody waits for it. */
function untilNextRollout(sinceMs: number, betweenMs: number): number {
  return Math.abs(sinceMs) >= betweenMs ? 0 : betweenMs - Math.max(0, sinceMs);
}

/** What may be in the template now. A claim that is in it stays although it is not bound: it waits for the pod. */
function mountsOfWishes(input: PlanInput, setAside: VolumeMemory['setAside']): Mounts {
  const { wishes, claims, waiting, deployment } = input;
  const recorded = deployment === undefined ? {} : recordedMounts(deployment);
  const mountable = wishes.filter((wish) => {
    const claim = claims.get(wish.claimName);
    if (claim === undefined || obstacle(wish, input) !== undefined || setAside[wish.agent]?.alone === false)
      return false;
    return isBound(claim) || waiting.has(wish.claimName) || recorded[wish.agent] === wish.claimName;
  });
  return Object.fromEntries(mountable.map(({ agent, claimName }) => [agent, claimName]));
}

/** Everything that is new, but of those that were taken out together one, and by itself. */
function additions(mountable: Mounts, recorded: Mounts, setAside: VolumeMemory['setAside']): Mounts {
  const fresh = Object.entries(mountable).filter(([agent, claim]) => recorded[agent] !== claim);
  const innocent = fresh.filter(([agent]) => setAside[agent] === undefined);
  return Object.fromEntries(innocent.length > 0 ? innocent : fresh.slice(0, 1));
}

/** Whether something in the template keeps gateways from starting, so that its removal cannot wait for them. */
function holdsUp(input: PlanInput, recorded: Mounts): boolean {
  return input.wishes.some((wish) => {
    if (recorded[wish.agent] !== wish.claimName) return false;
    const reason = obstacle(wish, input)?.reason;
    return reason !== undefined && reason !== 'TooManyVolumes';
  });
}

/** Of what was set aside, that which is still to be: the claim has not changed, also while its Agent does not ask for it. */
function stillAside({ setAside }: VolumeMemory, { wishes, claims }: PlanInput): VolumeMemory['setAside'] {
  const claimOf = new Map(wishes.map(({ agent, claimName }) => [agent, claims.get(claimName)]));
  const trials = new Set([...claims.values()].map(trialKey));
  const still = Object.entries(setAside).filter(([agent, { trial }]) => {
    if (!claimOf.has(agent)) return trials.has(trial);
    const claim = claimOf.get(agent);
    return claim !== undefined && trialKey(claim) === trial;
  });
  return Object.fromEntries(still);
}

function newlyAside({ agents, certain }: Suspects, { wishes, claims }: PlanInput): VolumeMemory['setAside'] {
  const suspected = wishes.filter(({ agent }) => agents.includes(agent));
  return Object.fromEntries(
    suspected.flatMap(({ agent, claimName }) => {
      const claim = claims.get(claimName);
      return claim === undefined ? [] : [[agent, { trial: trialKey(claim), alone: !certain }]];
    }),
  );
}

function addedIn(mounts: Mounts, before: Mounts): readonly string[] {
  return Object.keys(mounts).filter((agent) => mounts[agent] !== before[agent]);
}

function shared(mounts: Mounts, others: Mounts): Mounts {
  return Object.fromEntries(Object.entries(mounts).filter(([agent, claim]) => others[agent] === claim));
}

function withoutAll<T>(record: Readonly<Record<string, T>>, keys: readonly string[]): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)));
}

function isSame(a: Mounts, b: Mounts): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

import type { Deployment, PersistentVolumeClaim } from '../../core/kube/resources.ts';
import type { VolumeProblem } from '../resources.ts';
import { agentLabel, agentOf, isForOnePod, isLeaving, retryAnnotation, trialKey } from './claims.ts';
import { type Gateways, gatewayDeployment, mountsOf, runsOnePod } from './gateway-template.ts';
import { readMemory } from './memory.ts';
import type { VolumeWish } from './wishes.ts';

/** Everything that decides about the volumes of agents, as the API server has it. */
export interface VolumeWorld extends Gateways {
  readonly wishes: readonly VolumeWish[];
  /** By name. */
  readonly claims: ReadonlyMap<string, PersistentVolumeClaim>;
  /** What the API server said against making a claim, by the name of the claim. */
  readonly refusals: ReadonlyMap<string, string>;
}

/** All gateway pods mount the volume of every agent, so that there cannot be many. */
export const maxVolumes = 16;

/** Why a volume must not be in the gateways' pod template, and the cure; undefined: it may be, once its claim is bound. */
export function obstacle(wish: VolumeWish, world: VolumeWorld): VolumeProblem | undefined {
  const claim = world.claims.get(wish.claimName);
  for (const check of checks) {
    const problem = check({ wish, claim, world });
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Whether the claim of a wish is to be made: the only obstacle is that it is not there. */
export function isToBeMade(wish: VolumeWish, world: VolumeWorld): boolean {
  if (wish.volume.existingClaim !== undefined || world.claims.has(wish.claimName)) return false;
  return obstacle(wish, world)?.reason === 'VolumePending' && world.deployment !== undefined;
}

/** The volumes that are in the template by our doing: as remembered, else as they stand there. */
export function recordedMounts(deployment: Deployment): Readonly<Record<string, string>> {
  return readMemory(deployment)?.mounts ?? mountsOf(deployment.spec?.template);
}

interface Looked {
  readonly wish: VolumeWish;
  readonly claim: PersistentVolumeClaim | undefined;
  readonly world: VolumeWorld;
}

type Check = (looked: Looked) => VolumeProblem | undefined;

const checks: readonly Check[] = [
  function isAmongTheFirst({ wish, world }) {
    if (firstOf(world).has(wish.agent)) return undefined;
    const message = `${maxVolumes} other Agents of the namespace have a volume, and no more are mounted; remove a volume, or use another namespace`;
    return { reason: 'TooManyVolumes', message };
  },
  function hasDeployment({ world }) {
    if (world.deployment !== undefined) return undefined;
    return { reason: 'VolumePending', message: `there is no Deployment ${gatewayDeployment} that could mount it` };
  },
  function fitsTheGateways({ wish, claim, world: { deployment } }) {
    const forOnePod = claim === undefined ? wish.volume.accessMode === 'ReadWriteOnce' : isForOnePod(claim);
    if (claim === undefined && wish.volume.existingClaim !== undefined) return undefined;
    if (deployment === undefined || !forOnePod || runsOnePod(deployment)) return undefined;
    const message = `a volume without the access mode ReadWriteMany is for one pod: set the chart's gateway.replicas to 1 and gateway.strategy to Recreate, or use a volume that is ReadWriteMany`;
    return { reason: 'AccessModeConflict', message };
  },
  function hasClaim({ wish, claim, world }) {
    if (claim !== undefined) return undefined;
    const { claimName, volume } = wish;
    if (volume.existingClaim !== undefined) {
      const message = `PersistentVolumeClaim "${claimName}" does not exist in the namespace; create it and label it ${agentLabel}=${wish.agent}`;
      return { reason: 'ClaimNotFound', message };
    }
    const refusal = world.refusals.get(claimName);
    const message =
      refusal === undefined
        ? `PersistentVolumeClaim "${claimName}" is being made`
        : `PersistentVolumeClaim "${claimName}" cannot be made: ${refusal}`;
    return { reason: 'VolumePending', message };
  },
  function belongsToTheAgent({ wish: { agent, claimName, namespace }, claim }) {
    if (claim !== undefined && agentOf(claim) === agent) return undefined;
    const cure = `kubectl label persistentvolumeclaim ${claimName} -n ${namespace} ${agentLabel}=${agent}`;
    const message = `PersistentVolumeClaim "${claimName}" is not labelled for this Agent; its owner runs: ${cure}`;
    return { reason: 'ClaimNotLabeled', message };
  },
  function staysThere({ wish: { claimName }, claim }) {
    if (claim === undefined || !isLeaving(claim)) return undefined;
    if (claim.metadata.deletionTimestamp !== undefined) {
      return { reason: 'VolumePending', message: `PersistentVolumeClaim "${claimName}" is being deleted` };
    }
    const message = `PersistentVolumeClaim "${claimName}" has lost its volume; restore the volume, or delete the claim`;
    return { reason: 'VolumeUnavailable', message };
  },
  function wasNotSetAside({ wish: { agent, claimName, namespace }, claim, world: { deployment } }) {
    const aside = deployment && readMemory(deployment)?.setAside[agent];
    if (aside === undefined || claim === undefined || aside.alone || aside.trial !== trialKey(claim)) return undefined;
    const cure = `kubectl annotate persistentvolumeclaim ${claimName} -n ${namespace} --overwrite ${retryAnnotation}="$(date)"`;
    const message = `gateways did not start with PersistentVolumeClaim "${claimName}", so they run without it; it is tried again when the claim is another one or changes its phase, or after: ${cure}`;
    return { reason: 'VolumeUnavailable', message };
  },
];

/** Those of a list of wishes that come first, for every one of them is asked about in turn. */
const firsts = new WeakMap<VolumeWorld['wishes'], Pick<VolumeWorld, 'deployment'> & { first: ReadonlySet<string> }>();

function firstOf({ wishes, deployment }: VolumeWorld): ReadonlySet<string> {
  const known = firsts.get(wishes);
  if (known !== undefined && known.deployment === deployment) return known.first;
  const first = chooseFirst(wishes, deployment);
  firsts.set(wishes, { deployment, first });
  return first;
}

/** Who has a volume already keeps it; then the oldest Agents come first. */
function chooseFirst(wishes: VolumeWorld['wishes'], deployment: Deployment | undefined): ReadonlySet<string> {
  if (wishes.length <= maxVolumes) return new Set(wishes.map(({ agent }) => agent));
  const recorded = deployment === undefined ? {} : recordedMounts(deployment);
  const rank = ({ agent }: VolumeWish) => (Object.hasOwn(recorded, agent) ? 0 : 1);
  const sorted = wishes.toSorted(
    (a, b) => rank(a) - rank(b) || (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0),
  );
  return new Set(sorted.slice(0, maxVolumes).map(({ agent }) => agent));
}

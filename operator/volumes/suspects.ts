import type { KubeEvent, PersistentVolumeClaim, Pod } from '../../core/kube/resources.ts';
import { isBound, isLeaving } from './claims.ts';
import { type Mounts, volumeName } from './gateway-template.ts';

/** Whose volumes keep gateways from starting. */
export interface Suspects {
  readonly agents: readonly string[];
  /** False: one of them does, and it is not known which. */
  readonly certain: boolean;
}

/** Nobody keeps gateways from starting. */
export const nobody: Suspects = { agents: [], certain: true };

export interface Evidence {
  /** What is in the template. */
  readonly mounts: Mounts;
  readonly claims: ReadonlyMap<string, PersistentVolumeClaim>;
  /** The agents whose volumes came in with the rollout that stands still. */
  readonly added: readonly string[];
  /** The gateways'. */
  readonly pods: readonly Pod[];
  /** Warnings about pods. */
  readonly events: readonly KubeEvent[];
}

/**
 * Who is to blame that a rollout stands still: those that the cluster names, else those whose claim is not bound, else
 * those that were added. Nobody when every pod has come as far as its containers, whatever these do then.
 */
export function findSuspects({ mounts, claims, added, pods, events }: Evidence): Suspects {
  const waiting = pods.filter(waitsForVolumes);
  if (waiting.length === 0) return nobody;
  const notes = [...waiting.map(schedulingMessage), ...notesAbout(waiting, events)].join('\n');
  const agents = Object.keys(mounts);
  const claimOf = (agent: string) => claims.get(mounts[agent] ?? '');

  const named = agents.filter((agent) => namesOf(agent, claimOf(agent)).some((name) => mentions(notes, name)));
  if (named.length > 0) return { agents: named, certain: true };
  const unbound = agents.filter((agent) => isUnusable(claimOf(agent)));
  const blamed = unbound.length > 0 ? unbound : agents.filter((agent) => added.includes(agent));
  return { agents: blamed, certain: blamed.length === 1 };
}

/** Volumes come before images and containers; a pod that is not scheduled says whether volumes are the reason. */
function waitsForVolumes({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp !== undefined || status?.phase !== 'Pending') return false;
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') return /volume/i.test(scheduled.message ?? '');
  return (status.containerStatuses ?? []).every(({ state }) => beforeContainers.includes(state?.waiting?.reason ?? ''));
}

const beforeContainers: readonly string[] = ['ContainerCreating', 'PodInitializing'];

function schedulingMessage({ status }: Pod): string {
  return status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message ?? '';
}

function notesAbout(pods: readonly Pod[], events: readonly KubeEvent[]): readonly string[] {
  const uids = new Set(pods.map(({ metadata }) => metadata.uid));
  return events
    .filter(({ regarding }) => uids.has(regarding?.uid))
    .map(({ note = '' }) => note.replaceAll(unattached, ''));
}

/** Kubelets may list every volume of the pod there; the part before it has those that are really missing. */
const unattached = /\bunattached volumes=\[[^\]]*\]/g;

function namesOf(agent: string, claim: PersistentVolumeClaim | undefined): readonly string[] {
  const names = [volumeName(agent), claim?.metadata.name, claim?.spec?.volumeName];
  return names.filter((name) => name !== undefined && name !== '') as string[];
}

/** As a whole: a name may be the beginning of another one. */
function mentions(text: string, name: string): boolean {
  return new RegExp(`(?<![\\w.-])${name.replaceAll('.', '\\.')}(?![\\w-]|\\.\\w)`).test(text);
}

function isUnusable(claim: PersistentVolumeClaim | undefined): boolean {
  return claim === undefined || !isBound(claim) || isLeaving(claim);
}

import { homeInPod } from '../../core/homes.ts';
import type { Deployment, Pod, PodTemplate, ReplicaSet } from '../../core/kube/resources.ts';
import type { Written } from '../../core/kube/types.ts';
import { memoryAnnotation, type VolumeMemory } from './memory.ts';

/** The Deployment whose pod template gets volumes. It is the chart's: read first, never created. */
export const gatewayDeployment = 'talaria-gateway';
/** Owner of what the operator adds to it. */
export const volumesFieldManager = 'talaria-volumes';

const container = 'gateway';
/** The chart's volume that holds the homes. */
const homesVolume = 'homes';

/** Claim names by agent. */
export type Mounts = Readonly<Record<string, string>>;

/** The volumes of agents in a pod template. */
export function mountsOf(template: PodTemplate | undefined): Mounts {
  const { containers = [], volumes = [] } = template?.spec ?? {};
  const mounted = containers.find(({ name }) => name === container)?.volumeMounts ?? [];
  const found = volumes.flatMap(({ name, persistentVolumeClaim }): [string, string][] => {
    const agent = name.startsWith(volumePrefix) ? name.slice(volumePrefix.length) : undefined;
    if (agent === undefined || persistentVolumeClaim === undefined) return [];
    const isMounted = mounted.some((mount) => mount.name === name && mount.mountPath === workspacePath(agent));
    return isMounted ? [[agent, persistentVolumeClaim.claimName]] : [];
  });
  return Object.fromEntries(found);
}

/** What runs the gateways. */
export interface Gateways {
  readonly deployment: Deployment | undefined;
  readonly replicaSets: readonly ReplicaSet[];
  readonly pods: readonly Pod[];
}

/** The volumes that every gateway pod has: those that start, those that run, and those that end and may still serve. */
export function mountedEverywhere(gateways: Gateways): Mounts {
  const [template = {}, ...others] = templatesOf(gateways).map(mountsOf);
  const shared = Object.entries(template).filter(([agent, claim]) => others.every((mounts) => mounts[agent] === claim));
  return Object.fromEntries(shared);
}

/** Whether a pod uses a claim, or one that starts will. */
export function isNamed(claim: string, gateways: Gateways): boolean {
  return templatesOf(gateways).some((template) =>
    template.spec?.volumes?.some((volume) => volume.persistentVolumeClaim?.claimName === claim),
  );
}

/** Whether all pods are of the newest template and available. */
export function isFinished({ metadata, spec, status = {} }: Deployment): boolean {
  const wanted = spec?.replicas ?? 1;
  return (
    status.observedGeneration === metadata.generation &&
    (status.replicas ?? 0) === wanted &&
    (status.updatedReplicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted
  );
}

/** Whether a volume for one pod works: no second pod is ever wanted, also not during a rollout. */
export function runsOnePod({ spec }: Deployment): boolean {
  return (spec?.replicas ?? 1) <= 1 && spec?.strategy?.type === 'Recreate';
}

/** What is applied: exactly these volumes, and what is remembered about them. Fails when the Deployment changed meanwhile. */
export function withVolumes(deployment: Deployment, memory: VolumeMemory): Written<Deployment> {
  const { name, resourceVersion = '' } = deployment.metadata;
  const mounts = Object.entries(memory.mounts);
  const metadata = { name, resourceVersion, annotations: { [memoryAnnotation]: JSON.stringify(memory) } };
  if (mounts.length === 0) return { metadata };
  return {
    metadata,
    spec: {
      template: {
        spec: {
          containers: [
            {
              name: container,
              volumeMounts: mounts.flatMap(([agent]) => [homeMount(agent), workspaceMount(agent)]),
            },
          ],
          volumes: mounts.map(([agent, claimName]) => ({
            name: volumePrefix + agent,
            persistentVolumeClaim: { claimName },
          })),
        },
      },
    },
  };
}

/** The name that a claim has inside a pod. */
export function volumeName(agent: string): string {
  return volumePrefix + agent;
}

const volumePrefix = 'agent-';

/**
 * Without it the container runtime would make the home, only to mount something below it, and as root: the gateway could
 * write nothing into it.
 */
function homeMount(agent: string) {
  return { name: homesVolume, mountPath: homeInPod(agent), subPath: agent };
}

function workspaceMount(agent: string) {
  return { name: volumePrefix + agent, mountPath: workspacePath(agent) };
}

function workspacePath(agent: string): string {
  return `${homeInPod(agent)}/workspace`;
}

/** The newest one first. */
function templatesOf({ deployment, replicaSets, pods }: Gateways): readonly PodTemplate[] {
  const live = [...replicaSets.filter(isLive).map(({ spec }) => spec?.template), ...pods.filter(runs)];
  return [deployment?.spec?.template, ...live].map((template) => template ?? {});
}

function runs({ status }: Pod): boolean {
  return status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

function isLive({ spec, status }: ReplicaSet): boolean {
  return (spec?.replicas ?? 0) > 0 || (status?.replicas ?? 0) > 0;
}

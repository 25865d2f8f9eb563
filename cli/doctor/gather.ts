import { setTimeout as delay } from 'node:timers/promises';
import { hasStatus } from '../../core/kube/kube-error.ts';
import type { PlainGet } from '../../core/kube/plain-get.ts';
import { agents, configMaps, cronJobs, kubeResource, leases, routes } from '../../core/kube/resources.ts';
import type { KubeClient, KubeResource } from '../../core/kube/types.ts';
import { acknowledgementLeasePrefix } from '../../core/snapshot/acknowledgement.ts';
import { snapshotIndexName } from '../../core/snapshot/names.ts';
import { kinds } from '../../crds/common.ts';
import { missingFields } from '../../operator/served-crds.ts';
import { type ControlFacts, isStale, operatorLeaseName } from './control.ts';
import type { DefinitionFacts } from './definitions.ts';
import type { ObjectFacts, StoredObject } from './objects.ts';
import type { ReachFacts } from './reach.ts';
import { type Reading, reading, valueIn } from './reading.ts';
import { componentOf, deployments, type KubeCondition, type Pod, podSelector, pods } from './workload-objects.ts';
import type { WorkloadFacts } from './workloads.ts';

/** A cluster that is looked at. */
export interface Cluster {
  readonly client: KubeClient;
  readonly plain: PlainGet;
  /** How long to watch leases that look stale for a renewal. */
  readonly leasePauseMs: number;
}

/** A gateway renews its lease at least this often, and an operator more often. */
export const leaseRenewalMs = 13_000;

/** Whether the API server answers, what time it has, and whether the namespace is there. */
export async function gatherReach({ client, plain }: Cluster): Promise<ReachFacts> {
  const askedAt = Date.now();
  const version = await reading(plain('/version'));
  const localTime = Date.now();
  const { namespace } = client;
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
  const get = client.request({ method: 'GET', path }).then(
    () => true,
    (error: unknown) => {
      if (hasStatus(error, 404)) return false;
      throw error;
    },
  );
  return { version, askedAt, localTime, namespace, namespaceFound: await reading(get) };
}

interface Definition {
  readonly status?: { readonly conditions?: readonly KubeCondition[] };
}

/** What the cluster serves of the CRDs. */
export async function gatherDefinitions({ client }: Cluster): Promise<DefinitionFacts> {
  const faults = Promise.all(
    Object.values(kinds).map(({ plural }) => faultsOfDefinition(client, `${plural}.talaria.dev`)),
  );
  const [missing, unestablished] = await Promise.all([
    reading(missingFields(client)),
    reading(faults.then((found) => found.flat())),
  ]);
  return { missing, unestablished };
}

/** The name with what the API server says against it; empty for a CRD that is served, or not there. */
async function faultsOfDefinition(client: Cluster['client'], name: string): Promise<string[]> {
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
  const definition = (await client.request({ method: 'GET', path }).catch((error: unknown) => {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  })) as Definition | undefined;
  const wrong = definition?.status?.conditions?.find(({ type, status }) => {
    return (type === 'Established' || type === 'NamesAccepted') && status !== 'True';
  });
  return wrong === undefined ? [] : [`${name} (${wrong.message})`];
}

/** Pods whose logs are read: those of the gateways say more, and few say the same as all. */
const podsWithLogs = 4;

/** Deployments and pods of Talaria, and what containers logged before they were restarted. */
export async function gatherWorkloads({ client, plain }: Cluster): Promise<WorkloadFacts> {
  const { namespace } = client;
  const [operator, gateway, found] = await Promise.all([
    reading(client.get(deployments, 'talaria-operator')),
    reading(client.get(deployments, 'talaria-gateway')),
    reading(client.list(pods, { labelSelector: podSelector }).then(({ items }) => items)),
  ]);
  const restarted = (valueIn(found) ?? []).filter(({ status }) =>
    status?.containerStatuses?.some(({ restartCount = 0 }) => restartCount > 0),
  );
  const logs = restarted.slice(0, podsWithLogs).map(async (pod) => {
    return [pod.metadata.name, await readLog(plain, namespace, pod, true)] as const;
  });
  return { namespace, operator, gateway, pods: found, logsBefore: new Map(await Promise.all(logs)) };
}

/** What gateways logged lately. */
export async function gatherGatewayLogs({ client, plain }: Cluster, found: Reading<readonly Pod[]>): Promise<string[]> {
  const gateways = (valueIn(found) ?? []).filter((pod) => componentOf(pod) === 'gateway').slice(0, podsWithLogs);
  return await Promise.all(
    gateways.flatMap((pod) => [
      readLog(plain, client.namespace, pod, false),
      readLog(plain, client.namespace, pod, true),
    ]),
  );
}

/** '' where there is none, or it may not be read. */
async function readLog(plain: PlainGet, namespace: string, { metadata }: Pod, previous: boolean): Promise<string> {
  const query = `tailLines=2000&limitBytes=1000000&previous=${previous}`;
  const answer = await reading(plain(`/api/v1/namespaces/${namespace}/pods/${metadata.name}/log?${query}`));
  const log = valueIn(answer);
  return log?.status === 200 ? log.text : '';
}

/** `ahead`: what the clock of this machine is ahead of the API server's, in milliseconds. */
export async function gatherControl({ client, leasePauseMs }: Cluster, ahead: number): Promise<ControlFacts> {
  const list = () => reading(client.list(leases).then(({ items }) => items.filter(isOurs)));
  const [first, index] = await Promise.all([list(), reading(client.get(configMaps, snapshotIndexName))]);
  const serverTime = Date.now() - ahead;
  const someStale = (valueIn(first) ?? []).some((lease) => isStale(lease, serverTime));
  if (someStale) await delay(leasePauseMs);
  return { leases: first, leasesLater: someStale ? await list() : first, index, serverTime };
}

function isOurs({ metadata }: { readonly metadata: { readonly name: string } }): boolean {
  return metadata.name === operatorLeaseName || metadata.name.startsWith(acknowledgementLeasePrefix);
}

/** Every Agent, Route and CronJob of the namespace. */
export async function gatherObjects({ client }: Cluster): Promise<ObjectFacts> {
  return await Promise.all(
    [agents, routes, cronJobs].map(async (resource: KubeResource) => {
      const { kind, plural } = resource;
      const stored = kubeResource<StoredObject>(`${resource.group}/${resource.version}`, kind, plural);
      return { kind, objects: await reading(client.list(stored).then(({ items }) => items)) };
    }),
  );
}

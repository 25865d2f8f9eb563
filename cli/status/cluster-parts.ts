import { configMaps, type Lease, leases } from '../../core/kube/resources.ts';
import type { KubeClient } from '../../core/kube/types.ts';
import {
  acknowledgementDurationSeconds,
  acknowledgementLeasePrefix,
  sequenceAnnotation,
} from '../../core/snapshot/acknowledgement.ts';
import { indexKey, snapshotIndexName } from '../../core/snapshot/names.ts';
import { complaintsOf, complaintText } from '../complaints.ts';
import {
  listStored,
  readyCell,
  type StoredAgent,
  type StoredCronJob,
  type StoredRoute,
  storedAgents,
  storedCronJobs,
  storedRoutes,
} from '../remote/cluster-objects.ts';
import { publishedSequence } from '../remote/published-sequence.ts';
import { counted, type Part } from './part.ts';

/** What the objects of a cluster say. `nowMs`: the time by which Leases are judged. */
export async function clusterParts(cluster: KubeClient, nowMs: number): Promise<readonly Part[]> {
  const [index, allLeases, agents, routes, cronJobs] = await Promise.all([
    cluster.get(configMaps, snapshotIndexName),
    cluster.list(leases),
    listStored(cluster, storedAgents),
    listStored(cluster, storedRoutes),
    listStored(cluster, storedCronJobs),
  ]);
  return [
    gatewaysPart(index?.data?.[indexKey], allLeases.items, nowMs),
    kindPart('Agents', agents),
    kindPart('Routes', routes),
    kindPart('CronJobs', cronJobs),
    accountsPart(agents),
  ];
}

/** How many replicas are live, and whether they serve what was published last. */
function gatewaysPart(index: string | undefined, all: readonly Lease[], nowMs: number): Part {
  const name = 'Gateways';
  if (index === undefined) {
    const troubles = ['no configuration was published; see whether the operator runs: kubectl get pods'];
    return { name, summary: 'nothing is published', troubles };
  }
  const sequence = publishedSequence(index);
  if (sequence === undefined) {
    const cure = 'run the talaria of the release that is installed';
    return { name, summary: 'unknown', troubles: [`the published index cannot be read by this release; ${cure}`] };
  }
  const live = all
    .filter(({ metadata }) => metadata.name.startsWith(acknowledgementLeasePrefix))
    .filter((lease) => isLive(lease, nowMs));
  const behind = live.filter((lease) => sequenceOf(lease) < sequence);
  return {
    name,
    summary: `${live.length} live, ${live.length - behind.length} of them serve the published sequence ${sequence}`,
    troubles: [
      ...(live.length === 0 ? ['no gateway is live; kubectl get pods -l app.kubernetes.io/component=gateway'] : []),
      ...behind.map((lease) => `${lease.metadata.name} serves sequence ${sequenceOf(lease)}; see its log`),
    ],
  };
}

function isLive({ spec }: Lease, nowMs: number): boolean {
  return nowMs - Date.parse(spec?.renewTime ?? '') < acknowledgementDurationSeconds * 1_000;
}

function sequenceOf({ metadata }: Lease): number {
  return Number(metadata.annotations?.[sequenceAnnotation] ?? 0);
}

function kindPart(name: string, objects: readonly (StoredAgent | StoredRoute | StoredCronJob)[]): Part {
  const troubled = objects
    .map((object) => ({ object, troubles: troublesOf(object) }))
    .filter(({ troubles }) => troubles.length > 0);
  const unready = objects.filter((object) => !['True', 'Suspended'].includes(readyCell(object))).length;
  return {
    name,
    summary: counted(objects.length, 'in all', unready, 'not ready'),
    troubles: troubled.flatMap(({ troubles }) => troubles),
  };
}

/** A line for each condition that complains; of accounts there is a part of its own. */
function troublesOf(object: StoredAgent | StoredRoute | StoredCronJob): readonly string[] {
  const complaints = complaintsOf(object).filter(({ condition }) => !['AccountsReady', 'Limited'].includes(condition));
  const { name } = object.metadata;
  if (complaints.length === 0)
    return readyCell(object) === 'Unknown' ? [`${name}: the operator has not seen it yet`] : [];
  return complaints.map((complaint) => complaintText(`${name}: ${complaint.reason}`, complaint));
}

function accountsPart(agents: readonly StoredAgent[]): Part {
  const accounts = agents.flatMap(({ metadata, status }) =>
    (status?.accounts ?? []).map((account) => ({ ...account, agent: metadata.name })),
  );
  const broken = accounts.filter(({ ready }) => !ready);
  return {
    name: 'Accounts',
    summary: counted(accounts.length, 'known', broken.length, 'not ready'),
    troubles: broken.map(({ agent, name, message = '' }) => `${agent}/${name}: ${message}`),
  };
}

import { secrets } from '../../core/kube/resources.ts';
import { createAdminClient } from '../remote/admin-client.ts';
import type { OpenGateway } from '../remote/cluster-gateway.ts';
import type { GatewayAddress } from '../remote/gateway-request.ts';
import { judgeClaims } from './claims.ts';
import { judgeControl } from './control.ts';
import { judgeDatabase } from './database.ts';
import { judgeDefinitions } from './definitions.ts';
import type { Finding } from './finding.ts';
import { type GatewayFacts, gatherGateway, gatherStandalone, judgeGateway, judgeStandalone } from './gateway.ts';
import {
  type Cluster,
  gatherControl,
  gatherDefinitions,
  gatherGatewayLogs,
  gatherObjects,
  gatherReach,
  gatherWorkloads,
} from './gather.ts';
import { gatewayKeySelector, judgeKeys } from './keys.ts';
import { gatherModelServers, judgeModelServers } from './model-servers.ts';
import { judgeObjects } from './objects.ts';
import { aheadOfServer, judgeReach, type ReachFacts } from './reach.ts';
import { reading, valueIn } from './reading.ts';
import { gatherRights, judgeRights } from './rights.ts';
import { claims } from './workload-objects.ts';
import { judgeWorkloads } from './workloads.ts';

/** Looks at a cluster part by part, and gives what each part showed as soon as it did. `look` is told what is looked at. */
export async function* diagnoseCluster(
  cluster: Cluster,
  openGateway: () => Promise<OpenGateway>,
  look: (part: string) => void,
): AsyncGenerator<readonly Finding[]> {
  const { client } = cluster;
  look('the API server');
  const reach = await gatherReach(cluster);
  const reached = judgeReach(reach);
  yield reached;
  // Without the API server or the namespace all that follows would only say so again.
  if (reached.some(({ level }) => level === 'fail')) return;
  look('the CRDs');
  yield judgeDefinitions(await gatherDefinitions(cluster));
  look('rights');
  yield (await gatherRights(client)).flatMap(judgeRights);
  look('pods and volumes');
  const workloads = await gatherWorkloads(cluster);
  yield judgeWorkloads(workloads);
  yield judgeClaims(await reading(client.list(claims).then(({ items }) => items.filter(isTalarias))));
  look('leases and the snapshot');
  yield judgeControl(await gatherControl(cluster, aheadIn(reach)));
  look('objects and keys');
  const objects = await gatherObjects(cluster);
  yield judgeObjects(objects);
  yield judgeKeys(
    await reading(client.list(secrets, { labelSelector: gatewayKeySelector }).then(({ items }) => items)),
  );
  look('the servers of models');
  yield judgeModelServers(await gatherModelServers(objects), Date.now() - aheadIn(reach));
  look('the gateway and its database');
  const [gateway, logs] = await Promise.all([throughCluster(openGateway), gatherGatewayLogs(cluster, workloads.pods)]);
  yield judgeGateway(gateway);
  yield judgeDatabase({ readiness: gateway.readiness, logs });
}

/** As `diagnoseCluster`, of a gateway alone, such as `talaria dev`. */
export async function* diagnoseGateway(
  address: GatewayAddress,
  look: (part: string) => void,
): AsyncGenerator<readonly Finding[]> {
  look('the gateway');
  const client = createAdminClient(address);
  const gateway = await gatherGateway(address, client);
  yield judgeGateway(gateway);
  yield judgeDatabase({ readiness: gateway.readiness, logs: [] });
  if (valueIn(gateway.readiness) !== undefined) yield judgeStandalone(await gatherStandalone(address, client));
}

function aheadIn(reach: ReachFacts): number {
  const serverTime = valueIn(reach.version)?.serverTime;
  return serverTime === undefined ? 0 : aheadOfServer(reach, serverTime);
}

async function throughCluster(openGateway: () => Promise<OpenGateway>): Promise<GatewayFacts> {
  const way = await reading(openGateway());
  if ('failure' in way) return { readiness: way, dead: way, ambiguous: way };
  try {
    return await gatherGateway(way.value, createAdminClient(way.value));
  } finally {
    await way.value.close();
  }
}

/** Claims of the chart's trial database and of Agents; others in the namespace are none of Talaria's. */
function isTalarias({
  metadata,
}: {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}): boolean {
  return /^(data-talaria-|talaria-)/.test(metadata.name) || metadata.labels?.['talaria.dev/agent'] !== undefined;
}

import type { Command } from 'commander';
import type { AdminClient } from './remote/admin-client.ts';
import { type RemoteOptions, remoteCommand, withPlace } from './remote/command.ts';
import { exitCodes, explainFailure } from './remote/failures.ts';
import { formatData } from './remote/output.ts';
import { clusterParts } from './status/cluster-parts.ts';
import { deliveriesPart, gatewayParts } from './status/gateway-parts.ts';
import { formatParts, type Part } from './status/part.ts';

/** `talaria status`: on one screen whether all is well, and what is not. */
export function statusCommand(): Command {
  return remoteCommand('status', 'say whether all is well: gateways, Agents, Routes, CronJobs, accounts, deliveries', [
    'talaria status',
    'talaria status -n talaria -o json',
  ]).action((options: RemoteOptions) =>
    withPlace('status', options, {
      cluster: async (cluster, atGateway) => {
        const parts = await clusterParts(cluster, Date.now());
        printParts([...parts, await deliveriesIn(atGateway)], options);
      },
      gateway: async (client) => printParts(await gatewayParts(client), options),
    }),
  );
}

/** Deliveries are in the database, so only a gateway knows them. */
async function deliveriesIn(atGateway: <T>(action: (client: AdminClient) => Promise<T>) => Promise<T>): Promise<Part> {
  try {
    return await atGateway(deliveriesPart);
  } catch (error) {
    return {
      name: 'Deliveries',
      summary: 'not known',
      troubles: [`no gateway could be asked: ${explainFailure(error).text}`],
    };
  }
}

function printParts(parts: readonly Part[], { output }: RemoteOptions): void {
  process.stdout.write(output === 'json' || output === 'yaml' ? formatData(parts, output) : formatParts(parts));
  if (parts.some(({ troubles }) => troubles.length > 0)) process.exitCode = exitCodes.refused;
}

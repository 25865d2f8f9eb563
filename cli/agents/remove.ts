import type { Command } from 'commander';
import { agentSchema } from '../../crds/agent.ts';
import { readStored, type StoredAgent, specOf, storedAgents } from '../remote/cluster-objects.ts';
import { gatewayCommand, withPlace } from '../remote/command.ts';
import { confirm } from '../remote/confirm.ts';
import { Refused } from '../remote/failures.ts';
import type { GatewayOptions } from '../remote/gateway-place.ts';

/** `talaria agents remove`: deletes an Agent from a cluster, and says what of it stays. */
export function removeCommand(): Command {
  return gatewayCommand('remove', 'remove an Agent from a cluster; what it stored stays', [
    'talaria agents remove coder -n talaria',
    'talaria agents remove coder -n talaria --yes',
  ])
    .argument('<name>', 'name of the Agent')
    .option('--yes', 'do not ask')
    .action((name: string, options: GatewayOptions & { readonly yes?: boolean }) =>
      withPlace('agents remove', options, {
        gateway: async () => {
          throw new Refused(
            `a gateway removes no Agents. Delete the manifest of ${name} from the folder that it serves, or name a cluster with --context or -n.`,
          );
        },
        cluster: async (cluster) => {
          const agent = await readStored(cluster, storedAgents, name);
          process.stderr.write(consequencesOf(agent));
          await confirm(`Remove the Agent ${name} from ${cluster.namespace}?`, options.yes === true);
          await cluster.delete(storedAgents, name, { uid: agent.metadata.uid });
          process.stdout.write(`agent.talaria.dev/${name} deleted\n`);
        },
      }),
    );
}

/** What its removal does and what stays, a line each. */
export function consequencesOf(agent: StoredAgent): string {
  const { name } = agent.metadata;
  const { routes = 0, cronJobs = 0, claimName } = agent.status ?? {};
  const lines = [
    ...(routes + cronJobs === 0
      ? []
      : [`${routes} Routes and ${cronJobs} CronJobs name ${name}. What they would give it is refused from then on.`]),
    `Its sessions, runs and files stay in the database: an Agent of the name ${name} has them again, and "talaria agents purge ${name}" deletes them.`,
    ...(claimName === undefined
      ? []
      : [`The claim ${claimName} ${keepsClaim(agent) ? 'stays' : 'is deleted with it'}.`]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function keepsClaim(agent: StoredAgent): boolean {
  const volume = specOf(agentSchema, agent)?.profile.volume;
  return volume?.existingClaim !== undefined || volume?.reclaimPolicy !== 'Delete';
}

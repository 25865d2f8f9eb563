/** The folder of the agents' homes in a gateway pod; the chart mounts it there. */
const homesFolder = '/var/lib/talaria-homes';

/** The home of an agent in a gateway pod. */
export function homeInPod(agent: string): string {
  return `${homesFolder}/${agent}`;
}

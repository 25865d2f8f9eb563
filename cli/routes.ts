import type { Command } from 'commander';
import { formatExplanation } from './explanation-text.ts';
import { addMessageOptions, type MessageOptions, messageOf } from './message-options.ts';
import { listStored, storedAgents, storedCronJobs, storedRoutes } from './remote/cluster-objects.ts';
import { commandGroup, type RemoteOptions, remoteCommand, withGateway, withPlace } from './remote/command.ts';
import { exitCodes, Refused } from './remote/failures.ts';
import { firstOf, type ListOptions, listCommand, printListing } from './remote/listing.ts';
import { formatData, formatList } from './remote/output.ts';
import { type Conflict, conflictColumns, conflictsInCluster, conflictsInSnapshot } from './routes/conflicts.ts';
import {
  matchColumns,
  matchesInOrder,
  type RouteView,
  viewOfServedRoute,
  viewOfStoredRoute,
} from './routes/route-view.ts';

/** `talaria routes`: which message goes to which Agent. */
export function routesCommand(): Command {
  return commandGroup('routes', 'see, explain and check Routes', [list(), explain(), conflicts()]);
}

type RouteListOptions = ListOptions & { readonly agent?: string };

function list(): Command {
  return listCommand('list the matches of all Routes in the order of precedence', [
    'talaria routes list',
    'talaria routes list --agent coder -n talaria',
    'talaria routes list -o yaml',
  ])
    .option('--agent <name>', 'of rules that name this Agent')
    .action((options: RouteListOptions) =>
      withPlace('routes list', options, {
        cluster: async (cluster) => {
          printRoutes(await listStored(cluster, storedRoutes), viewOfStoredRoute, options);
        },
        gateway: async ({ snapshot }) => {
          const { routes, agents, partial = false } = await snapshot();
          const names = new Set(agents.map(({ name }) => name));
          printRoutes(routes, (route) => viewOfServedRoute(route, (name) => partial || names.has(name)), options);
        },
      }),
    );
}

/** Routes as data, whole; matches in a table. */
function printRoutes<R>(routes: readonly R[], viewOf: (route: R) => RouteView, options: RouteListOptions): void {
  const { agent, limit, output } = options;
  const names = ({ agentRefs }: RouteView['rules'][number]) => agentRefs.some(({ name }) => name === agent);
  const wanted = routes
    .map((route) => ({ route, view: viewOf(route) }))
    .filter(({ view }) => agent === undefined || view.rules.some(names));
  if (output === 'json' || output === 'yaml') {
    const whole = wanted.map(({ route }) => route);
    printListing(firstOf(whole, limit), [], output, (route) => route);
    return;
  }
  const views = wanted.map(({ view }) => ({
    ...view,
    rules: view.rules.filter((rule) => agent === undefined || names(rule)),
  }));
  printListing(firstOf(matchesInOrder(views), limit), matchColumns, output, (match) => match);
}

function explain(): Command {
  const command = remoteCommand('explain', 'ask a gateway which Agent would answer a message now, and why', [
    'talaria routes explain --platform telegram --account coder/main --chat-id "-1001234" --user-id 42',
    'talaria routes explain --model talaria/coder -n talaria',
  ]);
  return addMessageOptions(command).action((options: RemoteOptions & MessageOptions) =>
    withGateway('routes explain', options, async (client) => {
      const told = await client.explain(messageOf(options));
      const { output } = options;
      process.stdout.write(output === 'json' || output === 'yaml' ? formatData(told, output) : formatExplanation(told));
      if (told.outcome === 'refused') process.exitCode = exitCodes.refused;
    }),
  );
}

function conflicts(): Command {
  return remoteCommand('conflicts', 'list rules that never win, and what routing names and does not find', [
    'talaria routes conflicts',
    'talaria routes conflicts -n talaria -o json',
  ]).action((options: RemoteOptions) =>
    withPlace('routes conflicts', options, {
      cluster: async (cluster) => {
        const [agents, routes, cronJobs] = await Promise.all([
          listStored(cluster, storedAgents),
          listStored(cluster, storedRoutes),
          listStored(cluster, storedCronJobs),
        ]);
        printConflicts(conflictsInCluster({ agents, routes, cronJobs }), options);
      },
      gateway: async ({ snapshot }) => {
        const served = await snapshot();
        if (served.partial)
          throw new Refused('the key is of some Agents, and conflicts are between all. Give one of all with --key.');
        printConflicts(conflictsInSnapshot(served), options);
      },
    }),
  );
}

function printConflicts(found: readonly Conflict[], { output }: RemoteOptions): void {
  const asData = output === 'json' || output === 'yaml';
  if (asData || found.length > 0) process.stdout.write(formatList(found, conflictColumns, output));
  else process.stderr.write('No conflicts.\n');
  if (found.length > 0) process.exitCode = exitCodes.refused;
}

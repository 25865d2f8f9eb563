import type { Command } from 'commander';
import { addCommand } from './agents/add.ts';
import {
  type AgentView,
  agentColumns,
  detailColumns,
  troublesOf,
  viewOfServed,
  viewOfStored,
} from './agents/agent-view.ts';
import { agentDataCommands } from './agents/data.ts';
import { removeCommand } from './agents/remove.ts';
import { listStored, readStored, storedAgents } from './remote/cluster-objects.ts';
import { commandGroup, type RemoteOptions, remoteCommand, withPlace } from './remote/command.ts';
import { firstOf, type ListOptions, listCommand, printListing } from './remote/listing.ts';
import { type Format, formatOne } from './remote/output.ts';

/** `talaria agents`: who answers, and whether it can. */
export function agentsCommand(): Command {
  const commands = [list(), show(), addCommand(), removeCommand(), ...agentDataCommands()];
  return commandGroup('agents', 'see, add and remove Agents, and what is kept of them', commands);
}

function list(): Command {
  return listCommand('list the Agents', [
    'talaria agents list',
    'talaria agents list -n talaria -o wide',
    'talaria agents list -o json',
  ]).action((options: ListOptions) =>
    withPlace('agents list', options, {
      cluster: async (cluster) => {
        const all = await listStored(cluster, storedAgents);
        printListing(firstOf(all, options.limit), agentColumns, options.output, viewOfStored);
      },
      gateway: async ({ agents }) => {
        printListing(await agents.list({}, options.limit), agentColumns, options.output, viewOfServed);
      },
    }),
  );
}

function show(): Command {
  return remoteCommand('show', 'show an Agent, and what is wrong with it', [
    'talaria agents show coder',
    'talaria agents show coder -n talaria -o yaml',
  ])
    .argument('<name>', 'name of the Agent')
    .action((name: string, options: RemoteOptions) =>
      withPlace('agents show', options, {
        cluster: async (cluster) => {
          const agent = await readStored(cluster, storedAgents, name);
          process.stdout.write(formatAgent(agent, viewOfStored(agent), options.output));
        },
        gateway: async ({ agents }) => {
          const agent = await agents.read(name);
          process.stdout.write(formatAgent(agent, viewOfServed(agent), options.output));
        },
      }),
    );
}

function formatAgent(agent: object, view: AgentView, format: Format | undefined): string {
  if (format === 'json' || format === 'yaml') return formatOne(agent, [], format);
  return formatOne(view, detailColumns, format, troublesOf(view));
}

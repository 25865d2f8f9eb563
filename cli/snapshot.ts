import type { Command } from 'commander';
import type { ServedSnapshot } from './remote/admin-client.ts';
import { commandGroup, type RemoteOptions, remoteCommand, withGateway } from './remote/command.ts';
import { type Column, formatData, formatList, formatOne } from './remote/output.ts';

/** `talaria snapshot`: the configuration that a gateway serves. */
export function snapshotCommand(): Command {
  return commandGroup('snapshot', 'see the configuration that a gateway serves', [show()]);
}

function show(): Command {
  return remoteCommand('show', 'print what a gateway serves; credentials by name only', [
    'talaria snapshot show',
    'talaria snapshot show -o yaml -n talaria > snapshot.yaml',
  ]).action((options: RemoteOptions) =>
    withGateway('snapshot show', options, async (client) => {
      const served = await client.snapshot();
      const { output } = options;
      process.stdout.write(
        output === 'json' || output === 'yaml' ? formatData(served, output) : formatSnapshot(served),
      );
    }),
  );
}

/** A heading with revision and sequence, and a table for each kind of entry that there is. */
function formatSnapshot(served: ServedSnapshot): string {
  const tables = [
    table(served.agents, agentColumns),
    table(served.routes, routeColumns),
    table(served.jobs, jobColumns),
    table(served.gatewayKeys, keyColumns),
  ];
  return [formatOne(served, headColumns), ...tables.filter((text) => text !== '')].join('\n');
}

function table<T>(entries: readonly T[], columns: readonly Column<T>[]): string {
  return entries.length === 0 ? '' : formatList(entries, columns);
}

const headColumns: readonly Column<ServedSnapshot>[] = [
  { title: 'REVISION', cell: ({ revision }) => revision },
  { title: 'SEQUENCE', cell: ({ sequence }) => String(sequence) },
  { title: 'TEXTS', cell: ({ texts }) => `${Object.keys(texts).length}, ${kibibytes(Object.values(texts))} KiB` },
  { title: 'PARTIAL', cell: ({ partial }) => (partial ? 'what belongs to the Agents of the key' : '') },
];

const agentColumns: readonly Column<ServedSnapshot['agents'][number]>[] = [
  { title: 'AGENT', cell: ({ name }) => name },
  { title: 'GENERATION', cell: ({ generation }) => String(generation) },
  {
    title: 'SERVES',
    cell: ({ refuse, refuseReason }) => (refuse === undefined ? 'true' : `${refuse} (${refuseReason})`),
  },
  { title: 'MODEL', cell: ({ model }) => `${model.provider}/${model.name}` },
  { title: 'DEFAULT', cell: (agent) => (agent.default ? 'true' : '') },
  { title: 'ACCOUNTS', cell: ({ accounts }) => accounts.map(({ name }) => name).join(',') },
];

const routeColumns: readonly Column<ServedSnapshot['routes'][number]>[] = [
  { title: 'ROUTE', cell: ({ name }) => name },
  { title: 'GENERATION', cell: ({ generation }) => String(generation) },
  { title: 'PRIORITY', cell: ({ priority }) => String(priority) },
  { title: 'RULES', cell: ({ rules }) => rules.map(({ name }) => name).join(',') },
];

const jobColumns: readonly Column<ServedSnapshot['jobs'][number]>[] = [
  { title: 'CRONJOB', cell: ({ name }) => name },
  { title: 'GENERATION', cell: ({ generation }) => String(generation) },
  { title: 'AGENT', cell: ({ agent }) => agent },
  { title: 'SCHEDULE', cell: ({ schedule, at }) => schedule ?? `at ${at}` },
  { title: 'TIMEZONE', cell: (job) => job.timeZone },
  { title: 'SUSPEND', cell: ({ suspend }) => (suspend ? 'true' : '') },
];

const keyColumns: readonly Column<ServedSnapshot['gatewayKeys'][number]>[] = [
  { title: 'GATEWAY KEY', cell: ({ name }) => name },
  { title: 'ROLE', cell: ({ role }) => role },
  { title: 'AGENTS', cell: ({ agents }) => agents.join(',') },
];

function kibibytes(texts: readonly string[]): number {
  return Math.ceil(texts.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0) / 1_024);
}

import type { Command } from 'commander';
import type { Imported } from '../../gateway/archive/import-agent.ts';
import type { Purged } from '../../gateway/archive/purge-agent.ts';
import type { KeptObject } from '../../gateway/ingress/admin/agent-data.ts';
import { gatewayCommand, type RemoteOptions, remoteCommand, withGateway } from '../remote/command.ts';
import { confirm } from '../remote/confirm.ts';
import type { GatewayOptions } from '../remote/gateway-place.ts';
import { type Column, formatList, formatOne, instant, printChunks } from '../remote/output.ts';
import { readArchive } from './archive-file.ts';

/** `talaria agents data`, `export`, `import` and `purge`: what is kept for an Agent's name and cannot be had from its spec. */
export function agentDataCommands(): readonly Command[] {
  return [dataCommand(), exportCommand(), importCommand(), purgeCommand()];
}

function dataCommand(): Command {
  return remoteCommand('data', 'list for which Agents files and sessions are kept, also of those that are gone', [
    'talaria agents data',
    'talaria agents data --gone -o json',
  ])
    .option('--gone', 'only of Agents that are not served')
    .action((options: RemoteOptions & { readonly gone?: true }) =>
      withGateway('agents data', options, async ({ agentData }) => {
        const { entries } = await agentData.list({ gone: options.gone ? 'true' : undefined }, 0);
        process.stdout.write(formatList(entries, keptColumns, options.output));
      }),
    );
}

function exportCommand(): Command {
  return gatewayCommand('export', 'print the files and sessions of an Agent as JSON lines', [
    'talaria agents export coder > coder.jsonl',
  ])
    .argument('<name>', 'name of the Agent, also of one that is gone')
    .action((name: string, options: GatewayOptions) =>
      withGateway('agents export', options, async ({ agentData }) => {
        const end = await printWithEnd(agentData.export(name), emptyEnd.length);
        if (end !== emptyEnd) return;
        process.stderr.write(`Nothing is kept for ${name}; "talaria agents data" lists for whom.
`);
      }),
    );
}

/** The last line of an archive in which nothing is. */
const emptyEnd = `${JSON.stringify({ type: 'end', files: 0, sessions: 0, items: 0 })}\n`;

/** Prints an archive and gives its last `length` bytes. */
async function printWithEnd(chunks: AsyncIterable<Uint8Array>, length: number): Promise<string> {
  let end = '';
  const noted = async function* () {
    for await (const chunk of chunks) {
      end = `${end}${Buffer.from(chunk).toString('latin1')}`.slice(-length);
      yield chunk;
    }
  };
  await printChunks(noted());
  return end;
}

function importCommand(): Command {
  return remoteCommand('import', 'add what is missing of an archive to its Agent; nothing is overwritten', [
    'talaria agents import coder.jsonl',
  ])
    .argument('<file>', 'what "talaria agents export" printed')
    .action((file: string, options: RemoteOptions) =>
      withGateway('agents import', options, async ({ agentData }) => {
        const archive = await readArchive(file);
        let imported: Imported = { files: 0, sessions: 0, items: 0 };
        for await (const lines of archive.parts()) {
          const answer = await agentData.import(archive.agent, { head: archive.head, lines });
          imported = sumOf(imported, answer.imported);
        }
        process.stdout.write(formatOne({ agent: archive.agent, ...imported }, importColumns, options.output));
      }),
    );
}

interface PurgeOptions extends RemoteOptions {
  readonly whileServed?: true;
  readonly yes?: true;
}

function purgeCommand(): Command {
  return remoteCommand('purge', 'delete what is kept of an Agent: files, sessions, runs, deliveries', [
    'talaria agents export coder > coder.jsonl && talaria agents purge coder --yes',
  ])
    .argument('<name>', 'name of the Agent')
    .option('--while-served', 'also while there is such an Agent; what is at work stays')
    .option('--yes', 'do not ask')
    .action((name: string, options: PurgeOptions) =>
      withGateway('agents purge', options, async ({ agentData }) => {
        await confirm(
          `Delete all files, sessions, runs and deliveries of the Agent ${name} for good?`,
          options.yes === true,
        );
        let purged: Purged = { files: 0, sessions: 0, runs: 0, deliveries: 0 };
        for (let more = true; more; ) {
          const answer = await agentData.purge(name, { while_served: options.whileServed === true });
          purged = sumOf(purged, answer.purged);
          more = answer.has_more;
        }
        process.stdout.write(formatOne({ agent: name, ...purged }, purgeColumns, options.output));
      }),
    );
}

type Counts<T> = { readonly [K in keyof T]: number };

function sumOf<T extends Counts<T>>(one: T, other: T): T {
  const names = Object.keys(one) as (keyof T)[];
  return Object.fromEntries(names.map((name) => [name, one[name] + other[name]])) as T;
}

const keptColumns: readonly Column<KeptObject>[] = [
  { title: 'AGENT', cell: ({ agent }) => agent },
  { title: 'GONE SINCE', cell: ({ gone_at }) => instant(gone_at) },
  { title: 'FILES', cell: ({ files }) => String(files) },
  { title: 'BYTES', cell: ({ bytes }) => String(bytes) },
  { title: 'SESSIONS', cell: ({ sessions }) => String(sessions) },
];

const importColumns: readonly Column<Imported & { readonly agent: string }>[] = [
  { title: 'AGENT', cell: ({ agent }) => agent },
  { title: 'FILES ADDED', cell: ({ files }) => String(files) },
  { title: 'SESSIONS ADDED', cell: ({ sessions }) => String(sessions) },
  { title: 'ITEMS ADDED', cell: ({ items }) => String(items) },
];

const purgeColumns: readonly Column<Purged & { readonly agent: string }>[] = [
  { title: 'AGENT', cell: ({ agent }) => agent },
  { title: 'FILES DELETED', cell: ({ files }) => String(files) },
  { title: 'SESSIONS DELETED', cell: ({ sessions }) => String(sessions) },
  { title: 'RUNS DELETED', cell: ({ runs }) => String(runs) },
  { title: 'DELIVERIES DELETED', cell: ({ deliveries }) => String(deliveries) },
];

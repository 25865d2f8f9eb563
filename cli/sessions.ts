import { type Command, Option } from 'commander';
import { type AdminSessionObject, sessionPlatforms } from '../gateway/ingress/admin/session-object.ts';
import { textOfItem } from './item-text.ts';
import type { SessionItem } from './remote/admin-client.ts';
import { commandGroup, gatewayCommand, type RemoteOptions, remoteCommand, withGateway } from './remote/command.ts';
import { confirm } from './remote/confirm.ts';
import type { GatewayOptions } from './remote/gateway-place.ts';
import { gatewayList, limitOption } from './remote/listing.ts';
import { age, type Column, formatData, formatOne, instant, printChunks, textSection } from './remote/output.ts';

/** `talaria sessions`: what users and agents said to each other. */
export function sessionsCommand(): Command {
  return commandGroup('sessions', 'see, export and delete sessions', [list(), show(), exportOne(), deleteOne()]);
}

const exampleId = 'ses_0192f0c1a2b37c4d8e9f0a1b2c3d4e5f';

function list(): Command {
  return gatewayList({
    group: 'sessions',
    description: 'list sessions of every principal, the newest first',
    examples: [
      'talaria sessions list',
      'talaria sessions list --agent coder --platform telegram -o wide',
      'talaria sessions list --status live --limit 10',
    ],
    filters: [
      new Option('--agent <name>', 'of this Agent'),
      new Option('--platform <name>', 'from there').choices(sessionPlatforms),
      new Option('--status <status>', 'in this status').choices(['live', 'ended']),
    ],
    columns: sessionColumns,
    read: ({ sessions }, filters, most) => sessions.list(filters, most),
  });
}

function show(): Command {
  return remoteCommand('show', 'show a session with the newest of what was said in it', [
    `talaria sessions show ${exampleId}`,
    `talaria sessions show ${exampleId} --limit 0`,
  ])
    .argument('<id>', 'id of the session, ses_...')
    .addOption(limitOption(20))
    .action((id: string, options: RemoteOptions & { readonly limit: number }) =>
      withGateway('sessions show', options, async ({ sessions }) => {
        const session = await sessions.read(id);
        const { entries, hasMore } = await sessions.items(id, options.limit);
        const { output } = options;
        if (output === 'json' || output === 'yaml') {
          process.stdout.write(formatData({ ...session, newest_items: entries }, output));
          return;
        }
        process.stdout.write(formatOne(session, detailColumns, output, entries.map(said).join('')));
        if (hasMore) process.stderr.write('There is more before it: raise --limit, or show all with --limit 0.\n');
      }),
    );
}

function exportOne(): Command {
  return gatewayCommand('export', 'print a session and all that was said in it as JSON lines', [
    `talaria sessions export ${exampleId} > session.jsonl`,
  ])
    .argument('<id>', 'id of the session, ses_...')
    .action((id: string, options: GatewayOptions) =>
      withGateway('sessions export', options, async ({ sessions }) => {
        await printChunks(sessions.export(id));
      }),
    );
}

function deleteOne(): Command {
  return gatewayCommand('delete', 'delete a session with all that was said in it', [
    `talaria sessions delete ${exampleId}`,
    `talaria sessions delete ${exampleId} --yes`,
  ])
    .argument('<id>', 'id of the session, ses_...')
    .option('--yes', 'do not ask')
    .action((id: string, options: GatewayOptions & { readonly yes?: boolean }) =>
      withGateway('sessions delete', options, async ({ sessions }) => {
        const { agent, items } = await sessions.read(id);
        await confirm(`Delete ${id} of the Agent ${agent} with ${items} items for good?`, options.yes === true);
        await sessions.delete(id);
        process.stdout.write(`${id} deleted\n`);
      }),
    );
}

const sessionColumns: readonly Column<AdminSessionObject>[] = [
  { title: 'SESSION', cell: ({ id }) => id },
  { title: 'AGENT', cell: ({ agent }) => agent },
  { title: 'STATUS', cell: ({ status }) => status, state: true },
  { title: 'FROM', cell: originOf },
  { title: 'NAME', cell: ({ name, title }) => name ?? title },
  { title: 'ITEMS', cell: ({ items }) => String(items) },
  { title: 'ACTIVE', cell: (session) => age(session.last_active_at) },
  { title: 'AGE', cell: (session) => age(session.created_at), wide: true },
  { title: 'PRINCIPAL', cell: ({ principal }) => principal ?? '', wide: true },
];

const detailColumns: readonly Column<AdminSessionObject>[] = [
  ...sessionColumns.filter(({ title }) => ['SESSION', 'AGENT', 'STATUS', 'FROM', 'ITEMS'].includes(title)),
  { title: 'NAME', cell: ({ name }) => name ?? '' },
  { title: 'TITLE', cell: ({ title }) => title },
  { title: 'PRINCIPAL', cell: ({ principal }) => principal ?? '' },
  { title: 'FORKED FROM', cell: (session) => session.parent_id ?? '' },
  { title: 'CREATED', cell: (session) => instant(session.created_at) },
  { title: 'LAST ACTIVE', cell: (session) => instant(session.last_active_at) },
  { title: 'ENDED', cell: (session) => instant(session.ended_at) },
];

/** The platform, and of a chat its account, chat, thread and user. */
function originOf({ platform, account, chat_id, thread_id, user_id }: AdminSessionObject): string {
  return [platform, account, chat_id, thread_id, user_id].filter((part) => part !== null).join(' ');
}

function said(item: SessionItem): string {
  return textSection(speakers[item.type === 'message' ? item.role : item.type] ?? item.type, textOfItem(item));
}

const speakers: Readonly<Record<string, string>> = {
  user: 'User',
  assistant: 'Agent',
  system: 'System',
  developer: 'Developer',
  function_call: 'Call of a tool',
  function_call_output: 'What the tool gave',
};

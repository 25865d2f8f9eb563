import { type Command, Option } from 'commander';
import type { AdminRunDetail, AdminRunObject } from '../gateway/ingress/admin/run-object.ts';
import { runTriggers } from '../gateway/runs/admin-runs.ts';
import { runStatuses } from '../gateway/runs/run-status.ts';
import { textOfItem } from './item-text.ts';
import { commandGroup, type RemoteOptions, remoteCommand, withGateway } from './remote/command.ts';
import { formatChanged, gatewayList } from './remote/listing.ts';
import { age, type Column, duration, formatOne, instant, textSection } from './remote/output.ts';
import { printRunLog } from './run-log.ts';

/** `talaria runs`: what agents did and do, for requests, chats and CronJobs alike. */
export function runsCommand(): Command {
  return commandGroup('runs', 'see, follow and stop runs', [list(), show(), logs(), stop()]);
}

function list(): Command {
  return gatewayList({
    group: 'runs',
    description: 'list runs, the newest first',
    examples: [
      'talaria runs list',
      'talaria runs list --job heartbeat --status failed',
      'talaria runs list --trigger api --limit 10 -o wide',
    ],
    filters: [
      new Option('--agent <name>', 'of this Agent'),
      new Option('--job <name>', 'of this CronJob'),
      new Option('--status <status>', 'in this status').choices(runStatuses),
      new Option('--trigger <trigger>', 'begun by this').choices(runTriggers),
    ],
    columns: runColumns,
    read: ({ runs }, filters, most) => runs.list(filters, most),
  });
}

function show(): Command {
  return remoteCommand('show', 'show a run with what was asked and answered', [
    'talaria runs show run_0192f0c1a2b37c4d8e9f0a1b2c3d4e5f',
    'talaria runs show run_0192f0c1a2b37c4d8e9f0a1b2c3d4e5f -o json',
  ])
    .argument('<id>', 'id of the run, run_...')
    .action((id: string, options: RemoteOptions) =>
      withGateway('runs show', options, async ({ runs }) => {
        const run = await runs.read(id);
        process.stdout.write(formatOne(run, detailColumns, options.output, askedAndAnswered(run)));
      }),
    );
}

function logs(): Command {
  return remoteCommand('logs', 'print what happened in a run; of a CronJob, its attempts and what it gave', [
    'talaria runs logs run_0192f0c1a2b37c4d8e9f0a1b2c3d4e5f',
    'talaria runs logs -f run_0192f0c1a2b37c4d8e9f0a1b2c3d4e5f',
  ])
    .argument('<id>', 'id of the run, run_...')
    .option('-f, --follow', 'go on until the run has ended')
    .action((id: string, options: RemoteOptions & { readonly follow?: boolean }) =>
      withGateway('runs logs', options, ({ runs }) => {
        return printRunLog(runs, id, { follow: options.follow === true, format: options.output });
      }),
    );
}

function stop(): Command {
  return remoteCommand('stop', 'ask a run to stop; what had come of its answer is kept', [
    'talaria runs stop run_0192f0c1a2b37c4d8e9f0a1b2c3d4e5f',
  ])
    .argument('<id>', 'id of the run, run_...')
    .action((id: string, options: RemoteOptions) =>
      withGateway('runs stop', options, async ({ runs }) => {
        process.stdout.write(formatChanged(await runs.stop(id), runColumns, options.output));
      }),
    );
}

const runColumns: readonly Column<AdminRunObject>[] = [
  { title: 'RUN', cell: ({ id }) => id },
  { title: 'STATUS', cell: ({ status }) => status, state: true },
  { title: 'TRIGGER', cell: ({ trigger }) => trigger },
  { title: 'AGENT', cell: ({ agent }) => agent },
  { title: 'JOB', cell: ({ job }) => job ?? '' },
  { title: 'AGE', cell: (run) => age(run.created_at) },
  { title: 'TOOK', cell: took },
  { title: 'SLOT', cell: (run) => instant(run.scheduled_at), wide: true },
  { title: 'ATTEMPT', cell: (run) => `${run.attempt}/${run.max_attempts}`, wide: true },
  { title: 'MODEL', cell: ({ model }) => model ?? '', wide: true },
  { title: 'TOKENS', cell: ({ usage }) => (usage === null ? '' : String(usage.total_tokens)), wide: true },
  { title: 'PRINCIPAL', cell: ({ principal }) => principal, wide: true },
  { title: 'ERROR', cell: errorOf, wide: true },
];

const detailColumns: readonly Column<AdminRunDetail>[] = [
  { title: 'RUN', cell: ({ id }) => id },
  { title: 'STATUS', cell: ({ status }) => status, state: true },
  { title: 'TRIGGER', cell: ({ trigger }) => trigger },
  { title: 'AGENT', cell: ({ agent }) => agent },
  { title: 'JOB', cell: ({ job }) => job ?? '' },
  { title: 'SLOT', cell: (run) => instant(run.scheduled_at) },
  { title: 'ATTEMPT', cell: (run) => `${run.attempt} of ${run.max_attempts}` },
  { title: 'ROUTE', cell: ({ route }) => route ?? '' },
  { title: 'CREATED', cell: (run) => instant(run.created_at) },
  { title: 'STARTED', cell: (run) => instant(run.started_at) },
  { title: 'FINISHED', cell: (run) => instant(run.finished_at) },
  { title: 'MODEL', cell: ({ model }) => model ?? '' },
  { title: 'TOKENS', cell: tokens },
  { title: 'COST', cell: ({ cost }) => (cost === null ? '' : `${cost.amount} ${cost.currency}`) },
  { title: 'ERROR', cell: errorOf },
  { title: 'WAITS FOR', cell: ({ approvals }) => approvals.map(({ name }) => name).join(', ') },
  { title: 'PRINCIPAL', cell: ({ principal }) => principal, wide: true },
  { title: 'SESSION', cell: (run) => run.session_id ?? '', wide: true },
  { title: 'RESPONSE', cell: (run) => run.response_id ?? '', wide: true },
  { title: 'FINISH REASON', cell: (run) => run.finish_reason ?? '', wide: true },
];

function took({ started_at: from, finished_at: to }: AdminRunObject): string {
  return from === null || to === null ? '' : duration(to - from);
}

function errorOf({ error }: AdminRunObject): string {
  return error === null ? '' : `${error.code}: ${error.message}`;
}

function tokens({ usage }: AdminRunObject): string {
  return usage === null ? '' : `${usage.input_tokens} in, ${usage.output_tokens} out`;
}

function askedAndAnswered({ prompt, input, output_text: answer }: AdminRunDetail): string {
  const asked = prompt ?? input.map(textOfItem).join('\n');
  return `${textSection('Asked', asked)}${textSection('Answered', answer)}`;
}

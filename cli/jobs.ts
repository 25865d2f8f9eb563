import { type Command, Option } from 'commander';
import type { JobDetail, JobObject } from '../gateway/ingress/admin/job-object.ts';
import { commandGroup, type RemoteOptions, remoteCommand, withGateway } from './remote/command.ts';
import { formatChanged, gatewayList } from './remote/listing.ts';
import { age, type Column, formatData, formatList, formatOne, instant, until } from './remote/output.ts';

/** `talaria jobs`: the CronJobs that a gateway runs. */
export function jobsCommand(): Command {
  return commandGroup('jobs', 'see, run, pause and resume CronJobs', [list(), show(), run(), pause(), resume()]);
}

function list(): Command {
  return gatewayList({
    group: 'jobs',
    description: 'list the CronJobs',
    examples: ['talaria jobs list', 'talaria jobs list --agent reporter -o wide', 'talaria jobs list -o json'],
    filters: [new Option('--agent <name>', 'of this Agent')],
    columns: jobColumns,
    read: ({ jobs }, filters, most) => jobs.list(filters, most),
  });
}

function show(): Command {
  return remoteCommand('show', 'show a CronJob and its newest slots', [
    'talaria jobs show heartbeat',
    'talaria jobs show heartbeat -o yaml',
  ])
    .argument('<name>', 'name of the CronJob')
    .action((name: string, options: RemoteOptions) =>
      withGateway('jobs show', options, async ({ jobs }) => {
        const job = await jobs.read(name);
        process.stdout.write(formatOne(job, detailColumns, options.output, recentSlots(job)));
      }),
    );
}

function run(): Command {
  return remoteCommand('run', 'run a CronJob once, now, also while it is suspended or paused', [
    'talaria jobs run heartbeat',
    'talaria runs logs -f $(talaria jobs run heartbeat)',
  ])
    .argument('<name>', 'name of the CronJob')
    .action((name: string, options: RemoteOptions) =>
      withGateway('jobs run', options, async ({ jobs }) => {
        const started = await jobs.run(name);
        const { output } = options;
        const asData = output === 'json' || output === 'yaml';
        process.stdout.write(asData ? formatData(started, output) : `${started.run_id}\n`);
      }),
    );
}

function pause(): Command {
  return remoteCommand('pause', 'start no slot of a CronJob until it is resumed; what runs goes on', [
    'talaria jobs pause heartbeat',
  ])
    .argument('<name>', 'name of the CronJob')
    .action((name: string, options: RemoteOptions) =>
      withGateway('jobs pause', options, async ({ jobs }) => {
        process.stdout.write(formatChanged(await jobs.pause(name), jobColumns, options.output));
      }),
    );
}

function resume(): Command {
  return remoteCommand('resume', 'end a pause, by hand or after failures; its slots are not caught up', [
    'talaria jobs resume heartbeat',
  ])
    .argument('<name>', 'name of the CronJob')
    .action((name: string, options: RemoteOptions) =>
      withGateway('jobs resume', options, async ({ jobs }) => {
        process.stdout.write(formatChanged(await jobs.resume(name), jobColumns, options.output));
      }),
    );
}

const jobColumns: readonly Column<JobObject>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'AGENT', cell: ({ agent }) => agent },
  { title: 'SCHEDULE', cell: ({ schedule, at }) => schedule ?? `at ${at}` },
  { title: 'TIMEZONE', cell: (job) => job.time_zone },
  { title: 'STATE', cell: ({ state }) => state, state: true },
  { title: 'ACTIVE', cell: (job) => String(job.active_runs) },
  { title: 'LAST', cell: (job) => age(job.last_scheduled_at) },
  { title: 'NEXT', cell: (job) => until(job.next_at) },
  { title: 'POLICY', cell: (job) => job.concurrency_policy, wide: true },
  { title: 'SUCCEEDED', cell: (job) => age(job.last_succeeded_at), wide: true },
  { title: 'FAILURES', cell: (job) => String(job.consecutive_failures), wide: true },
  { title: 'MISSED', cell: (job) => String(job.missed), wide: true },
  { title: 'LASTMISSED', cell: lastMissed, wide: true },
];

const detailColumns: readonly Column<JobObject>[] = [
  ...jobColumns.filter(({ title }) => !['ACTIVE', 'LAST', 'NEXT', 'SUCCEEDED', 'LASTMISSED'].includes(title)),
  { title: 'ACTIVE RUNS', cell: (job) => String(job.active_runs) },
  { title: 'LAST SLOT', cell: (job) => instant(job.last_scheduled_at) },
  { title: 'NEXT SLOT', cell: (job) => instant(job.next_at) },
  { title: 'LAST SUCCESS', cell: (job) => instant(job.last_succeeded_at) },
  { title: 'LAST MISSED', cell: lastMissed },
  { title: 'UID', cell: ({ uid }) => uid, wide: true },
  { title: 'GENERATION', cell: ({ generation }) => String(generation), wide: true },
];

function lastMissed(job: JobObject): string {
  return job.last_missed_at === null ? '' : `${instant(job.last_missed_at)} (${job.last_missed_reason})`;
}

function recentSlots({ recent }: JobDetail): string {
  return recent.length === 0 ? '' : `\n${formatList(recent, slotColumns, 'table')}`;
}

const slotColumns: readonly Column<JobDetail['recent'][number]>[] = [
  { title: 'SLOT', cell: (slot) => instant(slot.scheduled_at) },
  {
    title: 'OUTCOME',
    cell: ({ outcome, reason, run_status }) => (outcome === 'Missed' ? `Missed (${reason})` : (run_status ?? outcome)),
    state: true,
  },
  { title: 'RUN', cell: (slot) => slot.run_id ?? '' },
  { title: 'DELIVERIES', cell: ({ deliveries }) => deliveries.join(',') },
];

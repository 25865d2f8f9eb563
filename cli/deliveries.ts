import { type Command, Option } from 'commander';
import { deliveryStatuses } from '../gateway/delivery/read-deliveries.ts';
import type { DeliveryDetail, DeliveryObject } from '../gateway/ingress/admin/delivery-object.ts';
import { commandGroup, type RemoteOptions, remoteCommand, withGateway } from './remote/command.ts';
import { formatChanged, gatewayList } from './remote/listing.ts';
import { age, type Column, formatOne, instant, textSection, until } from './remote/output.ts';

/** `talaria deliveries`: what runs send, and what became of it. */
export function deliveriesCommand(): Command {
  return commandGroup('deliveries', 'see, send again and discard deliveries', [
    list(),
    show(),
    change('retry', 'send again what was given up, expired or may have arrived (which may then arrive twice)'),
    change('discard', 'give up a delivery for good'),
  ]);
}

function list(): Command {
  return gatewayList({
    group: 'deliveries',
    description: 'list deliveries, the newest first',
    examples: [
      'talaria deliveries list',
      'talaria deliveries list --status dead -o wide',
      'talaria deliveries list --job heartbeat --limit 10',
    ],
    filters: [
      new Option('--agent <name>', 'of this Agent'),
      new Option('--job <name>', 'of this CronJob'),
      new Option('--run <id>', 'of this run'),
      new Option('--status <status>', 'in this status').choices(deliveryStatuses),
    ],
    columns: deliveryColumns,
    read: ({ deliveries }, filters, most) => deliveries.list(filters, most),
  });
}

function show(): Command {
  return remoteCommand('show', 'show a delivery with its text', [
    'talaria deliveries show dlv_0192f0c1a2b37c4d8e9f0a1b2c3d4e5f',
  ])
    .argument('<id>', 'id of the delivery, dlv_...')
    .action((id: string, options: RemoteOptions) =>
      withGateway('deliveries show', options, async ({ deliveries }) => {
        const delivery = await deliveries.read(id);
        process.stdout.write(formatOne(delivery, detailColumns, options.output, textSection('Text', delivery.text)));
      }),
    );
}

function change(verb: 'retry' | 'discard', description: string): Command {
  return remoteCommand(verb, description, [`talaria deliveries ${verb} dlv_0192f0c1a2b37c4d8e9f0a1b2c3d4e5f`])
    .argument('<id>', 'id of the delivery, dlv_...')
    .action((id: string, options: RemoteOptions) =>
      withGateway(`deliveries ${verb}`, options, async ({ deliveries }) => {
        process.stdout.write(formatChanged(await deliveries[verb](id), deliveryColumns, options.output));
      }),
    );
}

const deliveryColumns: readonly Column<DeliveryObject>[] = [
  { title: 'DELIVERY', cell: ({ id }) => id },
  { title: 'STATUS', cell: ({ status }) => status, state: true },
  { title: 'AGENT', cell: ({ agent }) => agent },
  { title: 'JOB', cell: ({ job }) => job ?? '' },
  { title: 'TARGET', cell: ({ target }) => target },
  { title: 'TO', cell: destinationOf },
  { title: 'ATTEMPTS', cell: ({ attempts }) => String(attempts) },
  { title: 'AGE', cell: (delivery) => age(delivery.created_at) },
  { title: 'PART', cell: ({ part, parts }) => `${part}/${parts}`, wide: true },
  { title: 'NEXT', cell: (delivery) => until(delivery.next_attempt_at), wide: true },
  { title: 'RUN', cell: (delivery) => delivery.run_id, wide: true },
  { title: 'ERROR', cell: (delivery) => delivery.last_error ?? '', wide: true },
];

const detailColumns: readonly Column<DeliveryDetail>[] = [
  ...deliveryColumns.filter(({ title }) => !['AGE', 'NEXT', 'PART', 'RUN', 'ERROR'].includes(title)),
  { title: 'PART', cell: ({ part, parts }) => `${part} of ${parts}` },
  { title: 'RUN', cell: (delivery) => delivery.run_id },
  { title: 'ERROR', cell: (delivery) => delivery.last_error ?? '' },
  { title: 'CREATED', cell: (delivery) => instant(delivery.created_at) },
  { title: 'NEXT ATTEMPT', cell: (delivery) => instant(delivery.next_attempt_at) },
  { title: 'EXPIRES', cell: ({ status, expires_at: at }) => (status === 'pending' ? instant(at) : '') },
  { title: 'SENT', cell: (delivery) => instant(delivery.sent_at) },
  { title: 'MESSAGE', cell: (delivery) => delivery.message_id ?? '', wide: true },
  { title: 'THREAD', cell: (delivery) => delivery.thread_id ?? '', wide: true },
];

function destinationOf({ destination }: DeliveryObject): string {
  switch (destination.kind) {
    case 'log':
      return 'log';
    case 'webhook':
      return destination.url;
    case 'account':
      return [destination.account, destination.chat_id, destination.thread_id].filter((part) => part !== '').join(' ');
  }
}

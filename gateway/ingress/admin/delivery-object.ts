import { z } from 'zod';
import { toWire } from '../../../core/lib/id.ts';
import { deliveryStatuses, type StoredDelivery } from '../../delivery/read-deliveries.ts';
import { toSeconds, unixSeconds } from '../api-object.ts';
import { countInQuery } from '../body.ts';
import { nameInQuery, seconds } from './shapes.ts';

/** The query of `GET /admin/v1/deliveries`. */
export const deliveryListSchema = z.strictObject({
  limit: countInQuery(100, 20),
  after: z
    .string()
    .max(64)
    .optional()
    .meta({ description: 'Id of the last delivery of the page before.', pattern: '^dlv_[0-9a-f]{32}$' }),
  agent: nameInQuery('Agent').optional(),
  job: nameInQuery('CronJob').optional(),
  run: z.string().max(64).optional().meta({ description: 'Id of a run.', pattern: '^run_[0-9a-f]{32}$' }),
  status: z.enum(deliveryStatuses).optional(),
});

/** A delivery in a list. */
export const deliveryObjectSchema = z.object({
  id: z.string().regex(/^dlv_[0-9a-f]{32}$/),
  object: z.literal('delivery'),
  status: z.enum(deliveryStatuses),
  agent: z.string(),
  run_id: z.string(),
  job: z.string().nullable().describe('Name of the CronJob of the run; empty once it is forgotten.'),
  target: z.string().describe('`deliver/<name>` or `failure/<name>`; of a request `deliver/<position>`.'),
  part: z.int().min(1),
  parts: z.int().min(1),
  destination: z.union([
    z.object({ kind: z.literal('log') }),
    z.object({ kind: z.literal('webhook'), url: z.string() }),
    z.object({ kind: z.literal('account'), account: z.string(), chat_id: z.string(), thread_id: z.string() }),
  ]),
  attempts: z.int().min(0),
  last_error: z.string().nullable(),
  message_id: z.string().nullable().describe('What the platform calls the message.'),
  thread_id: z.string().nullable().describe('The thread on the platform that it is in.'),
  created_at: z.int(),
  next_attempt_at: seconds('While it is pending.'),
  expires_at: z.int(),
  sent_at: seconds(),
});

/** A delivery that is read by itself. */
export const deliveryDetailSchema = deliveryObjectSchema.extend({ text: z.string() });

export type DeliveryObject = z.output<typeof deliveryObjectSchema>;
export type DeliveryDetail = z.output<typeof deliveryDetailSchema>;

/** A delivery as lists of the admin API show it. */
export function deliveryObject(delivery: StoredDelivery): DeliveryObject {
  return {
    id: toWire('dlv', delivery.id),
    object: 'delivery',
    status: delivery.status,
    agent: delivery.agent,
    run_id: toWire('run', delivery.run),
    job: delivery.job?.name ?? null,
    target: delivery.target,
    part: delivery.part,
    parts: delivery.parts,
    destination: destinationObject(delivery.destination),
    attempts: delivery.attempts,
    last_error: delivery.lastError || null,
    message_id: delivery.messageId || null,
    thread_id: delivery.threadId || null,
    created_at: unixSeconds(delivery.createdAt),
    next_attempt_at: delivery.status === 'pending' ? toSeconds(delivery.nextAttemptAt) : null,
    expires_at: unixSeconds(delivery.expiresAt),
    sent_at: toSeconds(delivery.sentAt),
  };
}

function destinationObject(destination: StoredDelivery['destination']): DeliveryObject['destination'] {
  if (destination.kind !== 'account') return destination;
  const { kind, account, chatId, threadId } = destination;
  return { kind, account, chat_id: chatId, thread_id: threadId };
}

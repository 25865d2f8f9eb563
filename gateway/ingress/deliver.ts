import { z } from 'zod';
import { TalariaError } from '../../core/lib/errors.ts';
import { isObject } from '../../core/lib/is-object.ts';
import type { Principal } from '../../core/route/principal.ts';
import type { RequestedTarget } from '../delivery/outbox.ts';
import { asksForNothing, unsupported } from './body.ts';

const accountPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\/[a-z0-9]([-a-z0-9]*[a-z0-9])?)?$/;

const chatTarget = z.strictObject({
  account: z
    .string()
    .max(127)
    .regex(accountPattern, 'it is neither the name of an account of the agent nor <agent>/<account>')
    .describe('Name of an account of the agent that answers, or `<agent>/<name>` of a shared one.'),
  chatId: z.string().min(1).max(256).describe('The chat, by its id on the platform.'),
  threadId: z.string().max(256).nullish(),
});

/** `deliver` of a request: where its result is sent beside the answer. */
export const deliverSchema = z
  .array(
    z.union([z.strictObject({ log: z.literal(true) }), chatTarget], {
      error: 'it is neither {"log": true} nor a chat: {"account", "chatId", "threadId"}',
    }),
  )
  .max(8)
  .nullish()
  .describe(
    'Where the result is sent when the run completes: `{"log": true}` is the log of the gateway, `{"account", "chatId", "threadId"}` a chat.',
  );

/** Names what a request may not ask for, before the schema could only call it a wrong shape. */
export function refuseUnsupportedTargets(body: unknown): void {
  const targets = isObject(body) && Array.isArray(body.deliver) ? body.deliver : [];
  for (const [at, target] of targets.entries()) {
    if (!isObject(target) || asksForNothing(target.webhook ?? null)) continue;
    throw unsupported(`deliver[${at}].webhook`, 'Deliver to a chat or the log, or let a CronJob call the webhook.');
  }
}

/** The targets that the principal may deliver to. Throws `deliver_forbidden`. */
export function readDeliver(
  { deliver: mayDeliver = false }: Principal,
  targets: z.output<typeof deliverSchema>,
): readonly RequestedTarget[] {
  const wanted = targets ?? [];
  if (wanted.length === 0 || mayDeliver) return wanted.map(withoutNull);
  const cure = "Set deliver: true on the Agent's key, or the annotation talaria.dev/deliver=true on the gateway key.";
  throw new TalariaError('deliver_forbidden', `This key may not have results delivered. ${cure}`, { param: 'deliver' });
}

function withoutNull(target: NonNullable<z.output<typeof deliverSchema>>[number]): RequestedTarget {
  return 'log' in target ? target : { ...target, threadId: target.threadId ?? '' };
}

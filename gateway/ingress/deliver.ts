import { z } from 'zod';
import { TalariaError } from '../../core/lib/errors.ts';
import { isObject } from '../../core/lib/is-object.ts';
import type { Principal } from '../../core/route/principal.ts';
import type { RequestedTarget } from '../delivery/outbox.ts';
import { asksForNothing, unsupported } from './body.ts';

/** `deliver` of a request: where its result is sent beside the answer. */
export const deliverSchema = z
  .array(z.strictObject({ log: z.literal(true) }))
  .max(8)
  .nullish()
  .describe('Where the result is sent when the run completes; `{"log": true}` is the log of the gateway.');

/** Names what this version does not deliver to, before the schema could only call it a wrong shape. */
export function refuseUnsupportedTargets(body: unknown): void {
  const targets = isObject(body) && Array.isArray(body.deliver) ? body.deliver : [];
  for (const [at, target] of targets.entries()) {
    for (const field of ['webhook', 'account', 'chatId', 'threadId']) {
      if (!isObject(target) || asksForNothing(target[field] ?? null)) continue;
      throw unsupported(`deliver[${at}].${field}`, 'Deliver to the log: {"log": true}.');
    }
  }
}

/** The targets that the principal may deliver to. Throws `deliver_forbidden`. */
export function readDeliver(
  { deliver: mayDeliver = false }: Principal,
  targets: z.output<typeof deliverSchema>,
): readonly RequestedTarget[] {
  const wanted = targets ?? [];
  if (wanted.length === 0 || mayDeliver) return wanted;
  const cure = "Set deliver: true on the Agent's key, or the annotation talaria.dev/deliver=true on the gateway key.";
  throw new TalariaError('deliver_forbidden', `This key may not have results delivered. ${cure}`, { param: 'deliver' });
}

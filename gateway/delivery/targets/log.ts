import type { Logger } from '../../../core/lib/log.ts';
import type { DeliveryBody } from '../delivery.ts';
import type { SendResult } from '../send-result.ts';

/** Writes a result to the gateway's log, as one line. */
export function sendToLog(log: Logger, id: string, { data }: DeliveryBody): SendResult {
  log.info({ deliveryId: id, ...data }, 'delivered to the log');
  return { kind: 'sent' };
}

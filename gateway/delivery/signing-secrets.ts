import type { DeliverTarget } from '../../core/snapshot/schema.ts';
import type { Table } from '../config/table.ts';

/** A webhook as a run was started with it: its address, and the names of its signing secrets, the current one first. */
export type Webhook = NonNullable<DeliverTarget['webhook']>;

/** `deliver/<name>` or `failure/<name>`: names a target within its CronJob, for ever. */
export type TargetId = `deliver/${string}` | `failure/${string}`;

/**
 * The values of the signing secrets that are valid now, the current one first. A Secret that was rotated since the run was
 * started has new names, which the CronJob's entry knows; once the CronJob is gone or the target is another, the names of
 * then are all there is. Undefined: the webhook is to be signed and none of its secrets is there.
 */
export function signingSecrets(
  table: Table,
  jobUid: string,
  target: TargetId,
  webhook: Webhook,
): readonly string[] | undefined {
  const names = currentWebhook(table, jobUid, target, webhook.url)?.secrets ?? webhook.secrets;
  const values = names.flatMap((name) => table.credential(name) ?? []);
  return values.length === 0 && webhook.secrets.length > 0 ? undefined : values;
}

function currentWebhook(table: Table, jobUid: string, target: TargetId, url: string): Webhook | undefined {
  const job = table.jobs.get(jobUid);
  const [list, name] = target.split('/');
  const targets = list === 'deliver' ? job?.deliver : job?.onFailure.deliver;
  const webhook = targets?.find((candidate) => candidate.name === name)?.webhook;
  return webhook?.url === url ? webhook : undefined;
}

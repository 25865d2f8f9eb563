import { newId } from '../../core/lib/id.ts';
import type { Logger } from '../../core/lib/log.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { storableText } from '../sessions/storable.ts';
import { openAccount } from './account-access.ts';
import { deliveryFields, type TakenDelivery } from './delivery.ts';
import type { PlatformSender, PlatformSenders } from './targets/platform.ts';

/** What a late conversion needs. */
export interface ConvertOptions {
  readonly database: Database;
  readonly table: Table;
  readonly senders: PlatformSenders;
  readonly log: Logger;
}

/**
 * Where the account was not known when the run ended and is now, the text is converted for its platform and cut, before it
 * is sent for the first time: the delivery becomes the first part, and the others are stored at the end of its line.
 * Any other delivery is given as it is. Undefined: it is somebody else's now. Throws when the database cannot be used.
 */
export async function convertLate(
  { database, table, senders, log }: ConvertOptions,
  delivery: TakenDelivery,
): Promise<TakenDelivery | undefined> {
  const { destination, body, orphan } = delivery;
  if (orphan || destination.kind !== 'account' || destination.platform !== '') return delivery;
  const access = openAccount(table, delivery.agent, destination);
  const platform = access.kind === 'open' ? access.entry.platform : '';
  const sender = Object.hasOwn(senders, platform) ? senders[platform] : undefined;
  const texts = sender === undefined ? [] : partsOf(sender, body.data.text, log, deliveryFields(delivery));
  const [text, ...others] = texts.map(storableText);
  if (text === undefined) return delivery;
  const parts = others.length + 1;
  const { rowCount } = await database.prepared('convert-delivery', convertStatement, [
    delivery.id,
    delivery.agent,
    delivery.worker,
    delivery.attempt,
    platform,
    text,
    others.map(() => newId()),
    others,
  ]);
  if (rowCount !== 1) return undefined;
  const data = { ...body.data, text, part: 1, parts };
  return { ...delivery, destination: { ...destination, platform }, body: { ...body, data } };
}

/** None when it cannot be converted: then it is given up as a text of no platform. */
function partsOf({ render }: PlatformSender, markdown: string, log: Logger, about: object): readonly string[] {
  try {
    return render(markdown).filter((part) => part.trim() !== '');
  } catch (error) {
    log.error({ ...about, err: error }, 'a text could not be converted for its platform');
    return [];
  }
}

/** One row when the delivery is still this attempt's. */
const convertStatement = `
  with converted as (
    update deliveries
    set destination = destination || jsonb_build_object('platform', $5::text), parts = 1 + cardinality($7::uuid[]),
      data = jsonb_set(data, '{data}',
        data -> 'data' || jsonb_build_object('text', $6::text, 'part', 1, 'parts', 1 + cardinality($7::uuid[])))
    where id = $1 and agent = $2 and worker = $3 and attempts = $4 and status = 'sending'
    returning *
  ),
  others as (
    insert into deliveries (id, run_id, agent, agent_uid, job_uid, target, part, parts, line, kind, destination, data,
      status, sequence, lifetime, expires_at)
    select other.id, c.run_id, c.agent, c.agent_uid, c.job_uid, c.target, 1 + other.at, c.parts, c.line, c.kind,
      c.destination,
      jsonb_set(c.data, '{data}', c.data -> 'data' || jsonb_build_object('text', other.text, 'part', 1 + other.at)),
      'pending', c.sequence, c.lifetime, c.expires_at
    from converted c cross join unnest($7::uuid[], $8::text[]) with ordinality as other (id, text, at)
    order by other.at
    on conflict (run_id, target, part) do nothing
  )
  select id from converted`;

import type { Hints } from '../db/hints.ts';
import { callableAgents } from '../db/owned-by.ts';
import type { Database } from '../db/pool.ts';
import type { DeliveryOwner, DeliveryStatus } from './read-deliveries.ts';

/** What a person's word about a delivery did. */
export type Managed =
  | { readonly kind: 'done' }
  /** It is in a state in which this cannot be done. */
  | { readonly kind: 'refused'; readonly status: DeliveryStatus }
  /** There is none, or it is another agent's. */
  | { readonly kind: 'missing' };

/** The states from which a delivery may be sent again. */
export const retryable: readonly DeliveryStatus[] = ['dead', 'expired', 'ambiguous'];
/** The states in which a delivery may be discarded. */
export const discardable: readonly DeliveryStatus[] = ['pending', ...retryable];

/**
 * Makes a delivery that was given up, or may have arrived, wait again at the end of its line, with as much time as it had
 * at first. It keeps its id, by which a receiver of webhooks knows it again. One that may have arrived may arrive twice.
 */
export async function retryDelivery(
  database: Database,
  hints: Pick<Hints, 'tell'>,
  owner: DeliveryOwner,
  id: string,
): Promise<Managed> {
  const { rows } = await database.prepared<ManagedRow>('retry-delivery', retryStatement, [
    id,
    callableAgents(owner),
    retryable,
  ]);
  if (rows[0]?.done === true) hints.tell('delivery', '');
  return toManaged(rows[0]);
}

/** Makes a delivery that is not sent yet, or was given up, one that is never sent. `by` names who wants it, for its row. */
export async function discardDelivery(
  database: Database,
  hints: Pick<Hints, 'tell'>,
  owner: DeliveryOwner,
  id: string,
  by: string,
): Promise<Managed> {
  const { rows } = await database.prepared<ManagedRow>('discard-delivery', discardStatement, [
    id,
    callableAgents(owner),
    discardable,
    `discarded by ${by}`,
  ]);
  if (rows[0]?.done === true) hints.tell('delivery', '');
  return toManaged(rows[0]);
}

const retryStatement = `
  select found.status, retry_delivery(found.id, found.agent, $3) as done
  from (select id, agent, status from deliveries where id = $1 and ($2::text[] is null or agent = any($2))) found`;

/** Under the lock that all hold who change a line, so that no sender counts on what it was. */
const discardStatement = `
  select found.status, discard_delivery(found.id, found.agent, $3, $4) as done
  from (select id, agent, status from deliveries where id = $1 and ($2::text[] is null or agent = any($2))) found`;

interface ManagedRow {
  readonly status: DeliveryStatus;
  readonly done: boolean;
}

function toManaged(row: ManagedRow | undefined): Managed {
  if (row === undefined) return { kind: 'missing' };
  return row.done ? { kind: 'done' } : { kind: 'refused', status: row.status };
}

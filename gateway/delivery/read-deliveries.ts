import type { Principal } from '../../core/route/principal.ts';
import { callableAgents } from '../db/owned-by.ts';
import type { Database } from '../db/pool.ts';

/**
 * Every state of a delivery. `pending` waits, for its first attempt or the next; `sending` is on its way. `ambiguous` may
 * have arrived and waits for a person; `dead` was given up, `expired` could not be sent in time; `suppressed` is not to be
 * sent.
 */
export const deliveryStatuses = ['pending', 'sending', 'sent', 'ambiguous', 'dead', 'suppressed', 'expired'] as const;

export type DeliveryStatus = (typeof deliveryStatuses)[number];

/** Where a delivery goes. A webhook's secrets are not part of it. */
export type StoredDestination =
  | { readonly kind: 'log' }
  | { readonly kind: 'webhook'; readonly url: string }
  | { readonly kind: 'account'; readonly account: string; readonly chatId: string; readonly threadId: string };

/** One part of what a run delivers to one target. Ids are UUIDs. */
export interface StoredDelivery {
  readonly id: string;
  readonly run: string;
  readonly agent: string;
  /** The CronJob of its run; absent of a request's. `name` is '' once the CronJob is forgotten. */
  readonly job: { readonly uid: string; readonly name: string } | undefined;
  /** `deliver/<name>` or `failure/<name>`; of a request `deliver/<position>`. */
  readonly target: string;
  readonly part: number;
  readonly parts: number;
  readonly destination: StoredDestination;
  readonly status: DeliveryStatus;
  readonly attempts: number;
  /** Why it is not sent, or was not at first; '' where nothing is to be said. */
  readonly lastError: string;
  /** What the platform calls it; '' until it is sent, and where it says nothing. */
  readonly messageId: string;
  readonly threadId: string;
  readonly createdAt: Date;
  readonly nextAttemptAt: Date;
  readonly expiresAt: Date;
  readonly sentAt: Date | undefined;
}

/** Whose deliveries may be seen and changed: those of the agents that a principal may call. */
export type DeliveryOwner = Pick<Principal, 'agents'>;

export interface DeliveryFilter {
  readonly agent?: string | undefined;
  /** Name of a CronJob. */
  readonly job?: string | undefined;
  /** UUID of a run. */
  readonly run?: string | undefined;
  readonly status?: DeliveryStatus | undefined;
  /** UUID of the delivery after which the page begins. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** A page of at most `limit` deliveries, the newest first, and whether there are more. */
export async function listDeliveries(
  database: Database,
  owner: DeliveryOwner,
  filter: DeliveryFilter,
): Promise<{ readonly deliveries: readonly StoredDelivery[]; readonly hasMore: boolean }> {
  const { rows } = await database.prepared<DeliveryRow>('list-deliveries', listStatement, [
    callableAgents(owner),
    filter.agent ?? null,
    filter.job ?? null,
    filter.run ?? null,
    filter.status ?? null,
    filter.after ?? null,
    filter.limit + 1,
  ]);
  return { deliveries: rows.slice(0, filter.limit).map(toStored), hasMore: rows.length > filter.limit };
}

/** One delivery with the text that it carries; undefined when there is none, or it is another agent's. */
export async function readDelivery(
  database: Database,
  owner: DeliveryOwner,
  id: string,
): Promise<(StoredDelivery & { readonly text: string }) | undefined> {
  const { rows } = await database.prepared<DeliveryRow & { readonly text: string | null }>(
    'read-delivery',
    `select ${columns}, d.data -> 'data' ->> 'text' as text from ${from}
     where d.id = $2 and ($1::text[] is null or d.agent = any($1))`,
    [callableAgents(owner), id],
  );
  const row = rows[0];
  return row && { ...toStored(row), text: row.text ?? '' };
}

const columns = `d.id, d.run_id, d.agent, d.job_uid, j.name as job, d.target, d.part, d.parts, d.kind, d.destination,
  d.status, d.attempts, d.last_error, d.message_id, d.thread_id, d.created_at, d.next_attempt_at, d.expires_at, d.sent_at`;

/** A job's row may name another agent than it did when the run was started. */
const from = 'deliveries d left join cron_jobs j on j.uid = d.job_uid';

const listStatement = `
  select ${columns} from ${from}
  where ($1::text[] is null or d.agent = any($1)) and ($2::text is null or d.agent = $2)
    and ($3::text is null or d.job_uid in (select uid from cron_jobs where name = $3))
    and ($4::uuid is null or d.run_id = $4) and ($5::text is null or d.status = $5)
    and ($6::uuid is null or d.id < $6)
  order by d.id desc
  limit $7`;

interface DeliveryRow {
  readonly id: string;
  readonly run_id: string;
  readonly agent: string;
  readonly job_uid: string;
  readonly job: string | null;
  readonly target: string;
  readonly part: number;
  readonly parts: number;
  readonly kind: StoredDestination['kind'];
  readonly destination: { url?: string; account?: string; chatId?: string; threadId?: string };
  readonly status: DeliveryStatus;
  readonly attempts: number;
  readonly last_error: string;
  readonly message_id: string;
  readonly thread_id: string;
  readonly created_at: Date;
  readonly next_attempt_at: Date;
  readonly expires_at: Date;
  readonly sent_at: Date | null;
}

function toStored(row: DeliveryRow): StoredDelivery {
  return {
    id: row.id,
    run: row.run_id,
    agent: row.agent,
    job: row.job_uid === '' ? undefined : { uid: row.job_uid, name: row.job ?? '' },
    target: row.target,
    part: row.part,
    parts: row.parts,
    destination: toDestination(row),
    status: row.status,
    attempts: row.attempts,
    lastError: row.last_error,
    messageId: row.message_id,
    threadId: row.thread_id,
    createdAt: row.created_at,
    nextAttemptAt: row.next_attempt_at,
    expiresAt: row.expires_at,
    sentAt: row.sent_at ?? undefined,
  };
}

function toDestination({ kind, destination }: DeliveryRow): StoredDestination {
  if (kind === 'log') return { kind };
  if (kind === 'webhook') return { kind, url: destination.url ?? '' };
  const { account = '', chatId = '', threadId = '' } = destination;
  return { kind, account, chatId, threadId };
}

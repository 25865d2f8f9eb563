import type { Database } from '../db/pool.ts';
import type { ChatDestination, DeliveryBody, Destination, TakenDelivery } from './delivery.ts';
import type { TargetId, Webhook } from './signing-secrets.ts';

/** What a worker can do at this moment. */
export interface Room {
  /** Of the snapshot by which it sends; what was made by a newer one is left to others. */
  readonly sequence: number;
  /** Ids of the deliveries that it is at. */
  readonly atWork: readonly string[];
  /** How many more webhooks it may take. */
  readonly direct: number;
  /** How many more it may take of all accounts together. */
  readonly throughAccounts: number;
  /** How many of each of these accounts; one of any other. */
  readonly ofAccount: ReadonlyMap<string, number>;
  /** How many of each of these origins, of which the log is one; `ofNewOrigin` of any other. */
  readonly ofOrigin: ReadonlyMap<string, number>;
  readonly ofNewOrigin: number;
  /** Lines that must not be sent to yet. */
  readonly busyLines: readonly string[];
}

/**
 * Takes deliveries that are due and the first of their lines, and records the attempt before it is made. On the way it puts
 * new ones into their lines, gives up what is past its expiry, and takes the lease of accounts that nobody sends for. With
 * them come the orphans: what dead workers were sending, to be judged. Nothing is taken when the worker's lease is over.
 */
export async function takeDeliveries(
  database: Database,
  worker: string,
  room: Room,
): Promise<{ readonly deliveries: readonly TakenDelivery[]; readonly leaseExpired: boolean }> {
  const { rows } = await database.prepared<TakenRow>('take-deliveries', takeStatement, [
    worker,
    room.sequence,
    room.atWork,
    room.direct,
    room.throughAccounts,
    room.busyLines,
    [...room.ofAccount.keys(), ...room.ofOrigin.keys()],
    [...room.ofAccount.values(), ...room.ofOrigin.values()],
    room.ofNewOrigin,
  ]);
  return {
    deliveries: rows.flatMap(({ what, delivery }) => (delivery === null ? [] : [toTaken(delivery, what === 'orphan')])),
    leaseExpired: rows[0]?.what === 'gone',
  };
}

/** Lets another worker send for the accounts of this one; what is under way goes on, and holds up its own line alone. */
export async function releaseAccounts(database: Database, worker: string): Promise<void> {
  await database.prepared('release-accounts', releaseStatement, [worker]);
}

/** No worker has this id. */
const releaseStatement = `
  update account_leases set worker = '00000000-0000-0000-0000-000000000000' where worker = $1`;

const takeStatement = 'select what, delivery from take_deliveries($1, $2, $3, $4, $5, $6, $7, $8, $9)';

interface TakenRow {
  readonly what: 'gone' | 'taken' | 'orphan';
  readonly delivery: DeliveryRow | null;
}

interface DeliveryRow {
  readonly id: string;
  readonly agent: string;
  readonly agent_uid: string;
  readonly job_uid: string;
  readonly target: TargetId;
  readonly line: string;
  readonly kind: Destination['kind'];
  readonly origin: string;
  readonly destination: object;
  readonly data: DeliveryBody;
  readonly worker: string;
  readonly attempts: number;
  readonly attempts_before: number;
  readonly key_scope: string;
  readonly unsure: boolean;
  readonly last_error: string;
  readonly since_first: number;
  readonly taken_at: number;
}

function toTaken(row: DeliveryRow, orphan: boolean): TakenDelivery {
  return {
    id: row.id,
    agent: row.agent,
    agentUid: row.agent_uid,
    jobUid: row.job_uid,
    target: row.target,
    line: row.line,
    origin: row.origin,
    destination: toDestination(row),
    body: row.data,
    worker: row.worker,
    attempt: row.attempts,
    counted: row.attempts - row.attempts_before,
    sinceFirstMs: row.since_first * 1_000,
    takenAt: row.taken_at * 1_000,
    keyScope: row.key_scope,
    unsure: row.unsure,
    lastError: row.last_error,
    orphan,
  };
}

function toDestination({ kind, destination }: DeliveryRow): Destination {
  if (kind === 'log') return { kind };
  if (kind === 'webhook') return { kind, webhook: destination as Webhook };
  const { account = '', platform = '', chatId = '', threadId = '' } = destination as Partial<ChatDestination>;
  return { kind, account, platform, chatId, threadId };
}

import type { Database } from '../db/pool.ts';
import type { DeliveryBody } from './outbox.ts';
import type { TargetId, Webhook } from './signing-secrets.ts';

/** A delivery that this worker may send now, once. `attempt` and `worker` fence what it records. */
export interface ClaimedDelivery {
  readonly id: string;
  readonly agent: string;
  readonly agentUid: string;
  readonly jobUid: string;
  readonly target: TargetId;
  readonly destination: { readonly kind: 'log' } | { readonly kind: 'webhook'; readonly webhook: Webhook };
  readonly body: DeliveryBody;
  readonly attempt: number;
  readonly worker: string;
}

/**
 * Takes up to `limit` deliveries that are due and the first of their line, and records the attempt before it is made. One
 * whose worker died while it sent is taken again, and so is one that this worker was given and is not at (`sending` has what
 * it is at): webhooks have an idempotency key, and a log line may stand twice. Gives up what is past its expiry. Nothing is
 * taken when the worker's lease is over.
 */
export async function claimDeliveries(
  database: Database,
  worker: string,
  sending: readonly string[],
  limit: number,
): Promise<{ readonly deliveries: readonly ClaimedDelivery[]; readonly leaseExpired: boolean }> {
  const { rows } = await database.prepared<ClaimedRow>('claim-deliveries', claimStatement, [worker, limit, sending]);
  const deliveries = rows.flatMap((row) => (row.id === null ? [] : [toDelivery(row, row.id, worker)]));
  return { deliveries, leaseExpired: rows[0]?.alive === false };
}

const claimStatement = `
  with alive as (
    select exists (select from workers where id = $1 and lease_until > talaria_now()) as alive
  ),
  due as (
    select d.id, d.expires_at <= talaria_now() as expired, d.status
    from deliveries d, alive
    where alive.alive and d.status in ('pending', 'sending') and d.next_attempt_at <= talaria_now()
      and (d.status = 'pending'
        or (d.worker = $1 and d.id <> all($3::uuid[]))
        or not exists (select from workers w where w.id = d.worker and w.lease_until > talaria_now()))
      and not exists (
        select from deliveries before
        where before.line = d.line and before.seq < d.seq and before.status in ('pending', 'sending'))
    order by d.next_attempt_at, d.seq limit $2
    for update of d skip locked
  ),
  given_up as (
    update deliveries d
    set status = case when due.status = 'sending' then 'ambiguous' else 'expired' end,
        last_error = case when d.last_error = '' then 'it could not be sent in time' else d.last_error end
    from due where d.id = due.id and due.expired
    returning d.job_uid
  ),
  shown as (
    update cron_jobs set status_version = status_version + 1, status_urgent = true
    where uid in (select job_uid from given_up)
  ),
  taken as (
    update deliveries d set status = 'sending', worker = $1, attempts = d.attempts + 1
    from due where d.id = due.id and not due.expired
    returning d.id, d.agent, d.agent_uid, d.job_uid, d.target, d.kind, d.destination, d.data, d.attempts, d.seq
  )
  select alive.alive, taken.* from alive left join taken on true order by taken.seq`;

interface ClaimedRow {
  readonly alive: boolean;
  readonly id: string | null;
  readonly agent: string;
  readonly agent_uid: string;
  readonly job_uid: string;
  readonly target: TargetId;
  readonly kind: 'webhook' | 'log';
  readonly destination: Webhook;
  readonly data: DeliveryBody;
  readonly attempts: number;
}

function toDelivery(row: ClaimedRow, id: string, worker: string): ClaimedDelivery {
  return {
    id,
    agent: row.agent,
    agentUid: row.agent_uid,
    jobUid: row.job_uid,
    target: row.target,
    destination: row.kind === 'log' ? { kind: 'log' } : { kind: 'webhook', webhook: row.destination },
    body: row.data,
    attempt: row.attempts,
    worker,
  };
}

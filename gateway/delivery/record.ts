import { backoffMs } from '../../core/lib/backoff.ts';
import type { Database } from '../db/pool.ts';
import type { ClaimedDelivery } from './claim-deliveries.ts';
import type { SendResult } from './send-result.ts';

/** What a delivery becomes after an attempt. */
export type Verdict =
  | { readonly status: 'sent' }
  | { readonly status: 'dead'; readonly error: string }
  | { readonly status: 'pending'; readonly error: string; readonly delayMs: number };

const firstBackoffMs = 1_000;
const longestBackoffMs = 300_000;
const maxAttempts = 50;

/**
 * Decides about a target that has an idempotency key: what may have arrived is sent again, under the same key, until the
 * delivery expires. `attempt` counts from 1.
 */
export function judge(result: SendResult, attempt: number, random: () => number = Math.random): Verdict {
  if (result.kind === 'sent') return { status: 'sent' };
  const final = result.kind === 'not-sent' && result.final;
  if (final || attempt >= maxAttempts) return { status: 'dead', error: result.error };
  const asked = result.kind === 'not-sent' ? (result.retryAfterMs ?? 0) : 0;
  const delayMs = Math.max(asked, backoffMs(attempt - 1, firstBackoffMs, longestBackoffMs, random));
  return { status: 'pending', error: result.error, delayMs };
}

/** Stores the verdict, where the attempt still holds. */
export async function recordVerdict(database: Database, delivery: ClaimedDelivery, verdict: Verdict): Promise<void> {
  await database.prepared('record-delivery', recordStatement, [
    delivery.id,
    delivery.worker,
    delivery.attempt,
    verdict.status,
    verdict.status === 'sent' ? '' : verdict.error,
    verdict.status === 'pending' ? verdict.delayMs / 1000 : 0,
  ]);
}

const recordStatement = `
  with recorded as (
    update deliveries
    set status = $4, last_error = $5, next_attempt_at = least(talaria_now() + make_interval(secs => $6), expires_at),
        sent_at = case when $4 = 'sent' then talaria_now() end
    where id = $1 and worker = $2 and attempts = $3 and status = 'sending'
    returning job_uid
  )
  update cron_jobs j
  set status_version = status_version + 1, status_urgent = status_urgent or $4 = 'dead'
  from recorded where j.uid = recorded.job_uid`;

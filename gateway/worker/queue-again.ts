import type { Database } from '../db/pool.ts';
import type { HeldRun } from '../runs/held-run.ts';
import { storableText } from '../sessions/storable.ts';

/** Why and when a run is queued again. */
export interface QueueAgain {
  readonly delaySeconds: number;
  /** True when the run only waited: it does not count as an attempt. */
  readonly sameAttempt: boolean;
  readonly failure?: { readonly code: string; readonly message: string };
}

/** Puts a run that had no effect yet back in the queue. False, and nothing done: it had, was taken, or is to stop. */
export async function queueAgain(database: Database, run: HeldRun, again: QueueAgain): Promise<boolean> {
  const { rows } = await database.query(queueAgainStatement, [
    run.id,
    run.worker,
    run.attempt,
    again.delaySeconds,
    again.sameAttempt ? 1 : 0,
    again.failure?.code ?? null,
    again.failure === undefined ? null : storableText(again.failure.message),
  ]);
  return rows.length > 0;
}

const queueAgainStatement = `
  with queued as (
    update runs
    set status = 'queued', worker = null, start_after = talaria_now() + make_interval(secs => $4),
        attempt = attempt - $5, error_code = $6, error_message = $7
    where id = $1 and worker = $2 and attempt = $3 and status = 'running' and not effects_started
    returning job_uid
  ),
  shown as (
    update cron_jobs j set status_version = status_version + 1 from queued where j.uid = queued.job_uid
  )
  select from queued`;

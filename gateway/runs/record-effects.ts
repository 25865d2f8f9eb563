import type { Database } from '../db/pool.ts';
import type { JobRun } from './job-run.ts';

/**
 * Records that a model is about to be called, and makes the session of an isolated run. False: the run was taken from
 * this worker or asked to stop, and no call may be made. A second call with the same session does no harm.
 */
export async function recordEffects(
  database: Database,
  run: JobRun,
  session: { readonly id: string; readonly name: string } | undefined,
): Promise<boolean> {
  const { rowCount } = await database.prepared('record-effects', effectsStatement, [
    run.id,
    run.worker,
    run.attempt,
    session?.id ?? null,
    session?.name ?? '',
  ]);
  return rowCount === 1;
}

const effectsStatement = `
  with begun as (
    update runs set effects_started = true, session_id = coalesce($4, session_id)
    where id = $1 and worker = $2 and attempt = $3 and status = 'running'
    returning agent, agent_uid, job_uid
  ),
  session as (
    insert into sessions (id, agent, agent_uid, platform, principal, name)
    select $4, agent, agent_uid, 'cron', job_uid, $5 from begun where $4::uuid is not null
    on conflict do nothing
  )
  select from begun`;

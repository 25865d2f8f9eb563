import { createBatcher } from '../../core/lib/batcher.ts';
import type { Database } from '../db/pool.ts';
import type { HeldRun } from '../runs/held-run.ts';

/**
 * Records that a model is about to be called for a run, and makes the session of an isolated one. False: the run was taken
 * from this worker or asked to stop, and no call may be made. A second call with the same session does no harm.
 * With `used` the run tells from then on what it ran with, in place of what was in force when it was queued.
 */
export type RecordEffects = (
  run: HeldRun,
  session: OwnSession | undefined,
  used?: UsedConfiguration,
) => Promise<boolean>;

/** The Agent's generation, and the sequence of the snapshot that has it. */
export interface UsedConfiguration {
  readonly generation: number;
  readonly sequence: number;
}

/** A session that is to be made for one run alone. */
export interface OwnSession {
  readonly id: string;
  readonly name: string;
}

/** Makes RecordEffects. What is asked for at once is recorded together, in one statement. */
export function createEffectsRecorder(database: Database): RecordEffects {
  const record = createBatcher({
    work: (begun: readonly Begun[]) => recordAll(database, begun),
    maxItems: 64,
    concurrency: 2,
  });
  return (run, session, used) => record({ run, session, used });
}

interface Begun {
  readonly run: HeldRun;
  readonly session: OwnSession | undefined;
  readonly used: UsedConfiguration | undefined;
}

async function recordAll(database: Database, batch: readonly Begun[]): Promise<readonly boolean[]> {
  const begun = batch.map(({ run, session, used }) => ({
    id: run.id,
    worker: run.worker,
    attempt: run.attempt,
    session_id: session?.id ?? null,
    session_name: session?.name ?? '',
    generation: used?.generation ?? null,
    sequence: used?.sequence ?? null,
  }));
  const { rows } = await database.prepared<{ id: string }>('record-effects', statement, [JSON.stringify(begun)]);
  const recorded = new Set(rows.map(({ id }) => id));
  return batch.map(({ run }) => recorded.has(run.id));
}

const statement = `
  with begun as (
    update runs r set effects_started = true, session_id = coalesce(b.session_id, r.session_id),
      agent_generation = coalesce(b.generation, r.agent_generation), sequence = coalesce(b.sequence, r.sequence)
    from jsonb_to_recordset($1) as b(id uuid, worker uuid, attempt integer, session_id uuid, session_name text,
      generation bigint, sequence bigint)
    where r.id = b.id and r.worker = b.worker and r.attempt = b.attempt and r.status = 'running'
    returning r.id, r.agent, r.agent_uid, r.job_uid, b.session_id, b.session_name
  ),
  clock as (select talaria_now() as now),
  session as (
    insert into sessions (id, agent, agent_uid, platform, principal, name, created_at, last_active_at)
    select begun.session_id, agent, agent_uid, 'cron', job_uid, session_name, clock.now, clock.now
    from begun, clock where begun.session_id is not null
    on conflict do nothing
  )
  select id from begun`;

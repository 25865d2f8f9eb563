import type { Clock } from '../../core/lib/clock.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { outboxRows } from '../delivery/outbox.ts';
import { storable } from '../sessions/storable.ts';
import type { JobRun, JobRunInput } from './job-run.ts';

/** How many runs one transaction tells of. */
const batchSize = 50;

/**
 * Puts into the outbox what people are to be told of runs that became `unknown`: whoever settled them knows no targets. As
 * for other failures, from `onFailure.afterConsecutive` on, once each, also when many replicas do it at once. Gives how many
 * runs it saw to.
 */
export async function tellUnknownRuns(database: Database, table: Table, clock: Clock): Promise<number> {
  return await database.transaction(async (client) => {
    const { rows } = await client.query<UntoldRow>(takeStatement, [batchSize]);
    if (rows.length === 0) return 0;
    const outbox = rows
      .filter(({ input, failures }) => failures >= input.job.onFailure.afterConsecutive)
      .flatMap((row) => deliveriesOf(row, table, clock.now()));
    await client.query(storeStatement, [rows.map(({ id }) => id), JSON.stringify(storable(outbox))]);
    return rows.length;
  });
}

interface UntoldRow {
  readonly id: string;
  readonly agent: string;
  readonly agent_uid: string;
  readonly job_uid: string;
  readonly slot: Date;
  readonly attempt: number;
  readonly error_code: string;
  readonly error_message: string;
  readonly input: JobRunInput;
  readonly failures: number;
}

function deliveriesOf(row: UntoldRow, table: Table, now: number): object[] {
  const { id, slot, attempt, input } = row;
  const run: JobRun = {
    ...{ id, slot, attempt, input, agent: row.agent, agentUid: row.agent_uid, jobUid: row.job_uid },
    ...{ maxAttempts: attempt, worker: '', backlog: false },
  };
  const ending = { outcome: 'failed', code: row.error_code, message: row.error_message } as const;
  return outboxRows(run, ending, { table, now }).map((delivery) => ({ ...delivery, run_id: id }));
}

/** Nobody waits to hear of a CronJob that was deleted. */
const takeStatement = `
  select r.id, r.agent, r.agent_uid, r.job_uid, r.slot, r.attempt, r.error_code, r.error_message, r.input,
    coalesce((select j.consecutive_failures from cron_jobs j where j.uid = r.job_uid and j.gone_at is null), 0) as failures
  from runs r where r.failure_untold order by r.id limit $1 for update of r skip locked`;

const storeStatement = `
  with told as (
    update runs set failure_untold = false where id = any($1) returning id, agent, agent_uid, job_uid
  )
  insert into deliveries (id, run_id, agent, agent_uid, job_uid, target, part, parts, line, kind, destination, data,
    status, last_error, expires_at)
  select d.id, told.id, told.agent, told.agent_uid, told.job_uid, d.target, d.part, d.parts, d.line, d.kind, d.destination,
    d.data, d.status, d.last_error, talaria_now() + make_interval(secs => d.expire_after_seconds)
  from jsonb_to_recordset($2) as d(id uuid, run_id uuid, target text, part integer, parts integer, line text, kind text,
    destination jsonb, data jsonb, status text, last_error text, expire_after_seconds integer)
  join told on told.id = d.run_id
  order by told.id, d.target, d.part
  on conflict (run_id, target, part) do nothing`;

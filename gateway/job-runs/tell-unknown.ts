import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import { runFields } from '../agent/bound-profile.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { isUnavailable } from '../db/unavailable.ts';
import { outboxRows } from '../delivery/outbox.ts';
import { storable } from '../sessions/storable.ts';
import type { JobRun, JobRunInput } from './job-run.ts';

/** How many runs one transaction tells of. */
const batchSize = 50;

export interface TellUnknownOptions {
  readonly database: Database;
  /** Which account is of which platform. */
  readonly table: Table;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Puts into the outbox what people are to be told of runs that became `unknown`: whoever settled them knows no targets. As
 * for other failures, from `onFailure.afterConsecutive` on, once each, also when many replicas do it at once. One of which
 * nothing can be told holds up no other. Gives how many runs it saw to.
 */
export async function tellUnknownRuns(options: TellUnknownOptions): Promise<number> {
  try {
    return await tell(options);
  } catch (error) {
    if (isUnavailable(error)) throw error;
  }
  const { rows } = await options.database.query<{ id: string; agent: string }>(untoldStatement, [batchSize]);
  for (const row of rows) await tellAlone(options, row);
  return rows.length;
}

/** A run of which nothing can be told is forgotten, but for the log. */
async function tellAlone(
  options: TellUnknownOptions,
  { id, agent }: { readonly id: string; readonly agent: string },
): Promise<void> {
  try {
    await tell(options, [id]);
  } catch (error) {
    if (isUnavailable(error)) throw error;
    options.log.error(
      { ...runFields({ id, agent }), err: error },
      'nobody can be told of a run whose outcome is unknown',
    );
    await options.database.query(forgetStatement, [id, agent]);
  }
}

/** Those of `ids`, or the first of all. */
async function tell({ database, table, clock }: TellUnknownOptions, ids?: readonly string[]): Promise<number> {
  return await database.transaction(async (client) => {
    const { rows } = await client.query<UntoldRow>(takeStatement, [batchSize, ids ?? null]);
    if (rows.length === 0) return 0;
    const outbox = rows
      .filter(({ input, failures, gone }) => !gone && failures >= input.job.onFailure.afterConsecutive)
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
  /** In a row when it became unknown, this one included: what came of the job since then changes nothing. */
  readonly failures: number;
  /** Nobody waits to hear of a CronJob that was deleted. */
  readonly gone: boolean;
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

const takeStatement = `
  select r.id, r.agent, r.agent_uid, r.job_uid, r.slot, r.attempt, r.error_code, r.error_message, r.input,
    r.untold_failures as failures,
    not exists (select from cron_jobs j where j.uid = r.job_uid and j.gone_at is null) as gone
  from runs r where r.untold_failures is not null and ($2::uuid[] is null or r.id = any($2))
  order by r.id limit $1 for update of r skip locked`;

const untoldStatement = 'select id, agent from runs where untold_failures is not null order by id limit $1';

const forgetStatement = 'update runs set untold_failures = null where id = $1 and agent = $2';

const storeStatement = `
  with told as (
    update runs set untold_failures = null where id = any($1) returning id, agent, agent_uid, job_uid, sequence
  )
  insert into deliveries (id, run_id, agent, agent_uid, job_uid, target, part, parts, line, kind, destination, data,
    status, last_error, sequence, expires_at)
  select d.id, told.id, told.agent, told.agent_uid, told.job_uid, d.target, d.part, d.parts, d.line, d.kind, d.destination,
    d.data, d.status, d.last_error, greatest(d.sequence, told.sequence),
    talaria_now() + make_interval(secs => d.expire_after_seconds)
  from jsonb_to_recordset($2) as d(id uuid, run_id uuid, target text, part integer, parts integer, line text, kind text,
    destination jsonb, data jsonb, status text, last_error text, sequence bigint,
    expire_after_seconds integer)
  join told on told.id = d.run_id
  order by told.id, d.target, d.part
  on conflict (run_id, target, part) do nothing`;

import { newId } from '../../core/lib/id.ts';
import { decideRunNow } from '../../core/schedule/decide.ts';
import { type MissedReason, runNowKey } from '../../core/schedule/outcome.ts';
import type { JobEntry } from '../../core/snapshot/schema.ts';
import type { Table } from '../config/table.ts';
import type { Database, SqlClient } from '../db/pool.ts';
import { entryHash, scheduleText } from './entry.ts';
import { type JobRow, jobRowColumns, type RawJobRow, toJobRow } from './job-row.ts';
import { countOpenRuns } from './open-runs.ts';
import { termsOf } from './terms.ts';
import { writeOutcomes } from './write-outcomes.ts';

/** What became of the wish to run a CronJob now. */
export type RunNow =
  /** UUID of the queued run. */
  | { readonly kind: 'started'; readonly run: string }
  /** Its Agent does not serve, or a run of the job is active and it says Forbid. Nothing was stored. */
  | { readonly kind: 'refused'; readonly reason: MissedReason }
  /** A replica with a newer snapshot changed the job: ask again when this one has it too. */
  | { readonly kind: 'stale' }
  /** The database does not know the job, or it belongs to another agent. */
  | { readonly kind: 'missing' };

/**
 * Runs a CronJob of the table once, now, besides its slots. Like `talaria.dev/run-at` it heeds the Agent and Forbid, but
 * neither a suspension nor a pause.
 */
export async function runJobNow(database: Database, table: Table, job: JobEntry): Promise<RunNow> {
  return await database.transaction(async (client) => {
    const { rows } = await client.query<RawJobRow & { now: Date }>(lockStatement, [job.uid, job.agent]);
    const raw = rows[0];
    if (raw === undefined) return { kind: 'missing' };
    const row = toJobRow(raw);
    if (row.sequence > table.sequence && row.entryHash !== entryHash(job)) return { kind: 'stale' };
    return await startNow(client, table, job, row, raw.now.getTime());
  });
}

async function startNow(client: SqlClient, table: Table, job: JobEntry, row: JobRow, now: number): Promise<RunNow> {
  const terms = termsOf(job, table, row.pausedReason !== undefined);
  if (terms === undefined) return { kind: 'missing' };
  const openRuns = await countOpenRuns(client, [job.uid]);
  const history = { anchor: row.anchor, decidedTo: row.decidedTo, ...openRuns(job.uid) };
  const key = runNowKey(newId());
  const outcome = decideRunNow(terms, history, { key, startedNow: false }, now);
  if (outcome.kind === 'Missed') return { kind: 'refused', reason: outcome.reason };
  const decided = { entry: job, schedule: scheduleText(job), anchor: row.anchor, outcomes: [outcome] };
  await writeOutcomes(client, [decided], table);
  const { rows } = await client.query<{ id: string }>(runStatement, [job.uid, key, job.agent]);
  return rows[0] === undefined ? { kind: 'missing' } : { kind: 'started', run: rows[0].id };
}

const lockStatement = `
  select ${jobRowColumns}, talaria_now() as now from cron_jobs j
  where j.uid = $1 and j.agent = $2 and j.gone_at is null for update`;

const runStatement = 'select id from runs where job_uid = $1 and occurrence = $2 and agent = $3';

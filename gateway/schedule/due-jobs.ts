import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { decide, decideRunNow } from '../../core/schedule/decide.ts';
import { type Outcome, runAtKey, slotKey } from '../../core/schedule/outcome.ts';
import type { JobEntry } from '../../core/snapshot/schema.ts';
import type { Table } from '../config/table.ts';
import type { Database, SqlClient } from '../db/pool.ts';
import { isUnavailable } from '../db/unavailable.ts';
import { entryHash, runAtOf, scheduleText } from './entry.ts';
import { type JobRow, jobRowColumns, type RawJobRow, toJobRow } from './job-row.ts';
import { countOpenRuns } from './open-runs.ts';
import type { OpenRuns } from './plan.ts';
import { termsOf } from './terms.ts';
import { writeOutcomes } from './write-outcomes.ts';

/** How many due jobs one transaction decides. */
export const batchSize = 200;
/** Deciding a job takes some 50 us; this many in a row do not hold up requests. */
const jobsBetweenPauses = 20;

export interface DueJobs {
  readonly decided: number;
  readonly started: number;
  /** Due jobs whose row is not older than the table and yet differs from it: the row must be looked at again. */
  readonly differing: readonly string[];
}

/**
 * Decides the slots of up to `limit` due jobs in one short transaction, each under its row's lock: outcomes, runs, gaps and the
 * rows themselves are stored together or not at all. Jobs that another replica holds, or knows better, are passed over.
 * Throws UndecidableJob when the only job that it took is at fault.
 */
export async function decideDueJobs(database: Database, table: Table, limit = batchSize): Promise<DueJobs> {
  return await database.transaction(async (client) => {
    const { rows } = await client.query<LockedRow>(lockStatement, [table.sequence, limit]);
    try {
      return await decideRows(client, rows, table);
    } catch (error) {
      const [first, ...others] = rows;
      if (first === undefined || others.length > 0 || isUnavailable(error)) throw error;
      throw new UndecidableJob(first, error);
    }
  });
}

/** One job was to be decided, and what came of it cannot be stored. */
export class UndecidableJob extends Error {
  override readonly name = 'UndecidableJob';
  readonly uid: string;
  readonly job: string;

  constructor({ uid, name }: Pick<RawJobRow, 'uid' | 'name'>, cause: unknown) {
    super(`the slots of CronJob ${name} cannot be decided`, { cause });
    this.uid = uid;
    this.job = name;
  }
}

type LockedRow = RawJobRow & { readonly now: Date };

async function decideRows(client: SqlClient, rows: readonly LockedRow[], table: Table): Promise<DueJobs> {
  if (rows.length === 0) return { decided: 0, started: 0, differing: [] };
  const due = rows.map((raw) => ({ row: toJobRow(raw), entry: table.jobs.get(raw.uid), now: raw.now.getTime() }));
  const held = due.flatMap(({ row, entry, now }) =>
    entry !== undefined && entryHash(entry) === row.entryHash ? [{ row, entry, now }] : [],
  );
  const openRuns = await countOpenRuns(
    client,
    held.map(({ row }) => row.uid),
  );
  const decided: DecidedRow[] = [];
  for (const [index, { row, entry, now }] of held.entries()) {
    if (index % jobsBetweenPauses === jobsBetweenPauses - 1) await yieldToOthers();
    decided.push(...decideJob(row, entry, openRuns(row.uid), table, now));
  }
  const started = await writeOutcomes(client, decided, table);
  await writeRows(client, decided);
  const heldUids = new Set(held.map(({ row }) => row.uid));
  const differing = due.map(({ row }) => row.uid).filter((uid) => !heldUids.has(uid));
  return { decided: decided.length, started, differing };
}

interface DecidedRow {
  readonly entry: JobEntry;
  readonly schedule: string;
  readonly anchor: number;
  readonly outcomes: readonly Outcome[];
  readonly decidedTo: number;
  readonly nextSlot: number | undefined;
  readonly nextStart: number | undefined;
  readonly runAtSeen: string;
}

/** None when the schedule cannot be read. */
function decideJob(row: JobRow, entry: JobEntry, open: OpenRuns, table: Table, now: number): DecidedRow[] {
  const terms = termsOf(entry, table, row.pausedReason !== undefined);
  if (terms === undefined) return [];
  const history = { anchor: row.anchor, decidedTo: row.decidedTo, ...open };
  // Slots of a suspension wait for its end, which makes one gap of them.
  const { outcomes, decidedTo, nextStart } = terms.suspended
    ? { outcomes: [], decidedTo: row.decidedTo, nextStart: undefined }
    : decide(terms, history, now);
  const value = runAtOf(entry);
  const startedNow = outcomes.some((outcome) => outcome.kind === 'Started');
  const asksForRun = value !== '' && value !== row.runAtSeen;
  const run = asksForRun ? [decideRunNow(terms, history, { key: runAtKey(value), startedNow }, now)] : [];
  return [
    {
      entry,
      schedule: scheduleText(entry),
      anchor: row.anchor,
      outcomes: [...outcomes, ...run],
      decidedTo,
      nextSlot: nextStart === undefined ? undefined : nextStart - terms.jitterMs,
      nextStart,
      runAtSeen: value,
    },
  ];
}

async function writeRows(client: SqlClient, decided: readonly DecidedRow[]): Promise<void> {
  if (decided.length === 0) return;
  const rows = decided.map((job) => ({
    uid: job.entry.uid,
    decided_to: slotKey(job.decidedTo),
    next_start: job.nextStart === undefined ? null : slotKey(job.nextStart),
    next_slot: job.nextSlot === undefined ? null : slotKey(job.nextSlot),
    run_at_seen: job.runAtSeen,
  }));
  await client.query(writeStatement, [JSON.stringify(rows)]);
}

const lockStatement = `
  select ${jobRowColumns}, (select talaria_now()) as now
  from cron_jobs j
  where j.next_start <= (select talaria_now()) and j.gone_at is null and j.sequence <= $1
  order by j.next_start limit $2
  for update skip locked`;

const writeStatement = `
  update cron_jobs j
  set decided_to = d.decided_to, next_start = d.next_start, run_at_seen = d.run_at_seen, next_slot = d.next_slot,
      status_version = j.status_version + (j.next_slot is distinct from d.next_slot)::integer,
      status_urgent = j.status_urgent or (j.next_slot is null) <> (d.next_slot is null)
  from jsonb_to_recordset($1) as d(uid text, decided_to timestamptz, next_start timestamptz, next_slot timestamptz,
    run_at_seen text)
  where j.uid = d.uid`;

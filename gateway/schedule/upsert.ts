import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { Logger } from '../../core/lib/log.ts';
import { slotKey } from '../../core/schedule/outcome.ts';
import type { JobEntry } from '../../core/snapshot/schema.ts';
import type { Table } from '../config/table.ts';
import type { Database, SqlClient } from '../db/pool.ts';
import { isUnavailable } from '../db/unavailable.ts';
import { entryHash, readSchedule, scheduleText } from './entry.ts';
import { type JobRow, jobRowColumns, type RawJobRow, toJobRow } from './job-row.ts';
import { countOpenRuns } from './open-runs.ts';
import { type JobPlan, planJob } from './plan.ts';
import { retireJobs } from './retire.ts';
import { writeOutcomes } from './write-outcomes.ts';

/** Brings the rows of CronJobs to what a snapshot says. */
export interface JobUpserter {
  /**
   * Writes what changed since the last call: rows of new and changed entries, and the end of jobs that are gone. Costs
   * nothing when the table is the same. Gives the number of runs that it started. When it throws, the next call goes on.
   */
  readonly sync: (table: Table) => Promise<number>;
  /** To be called for jobs whose row turned out to differ from this table's entry: the next `sync` looks at them again. */
  readonly recheck: (uids: readonly string[]) => void;
}

/** How many rows one transaction holds. */
const chunkSize = 200;

/** Makes a JobUpserter that has written nothing yet. */
export function createJobUpserter({ database, log }: { database: Database; log: Logger }): JobUpserter {
  const written = new Map<string, string>();
  const unreadable = new Set<string>();
  const faulty = new Set<string>();
  let synced: Table | undefined;
  let complete = false;

  const warnUnreadable = (entry: JobEntry) => {
    const text = scheduleText(entry);
    if (readSchedule(text) !== undefined || unreadable.has(text)) return;
    unreadable.add(text);
    log.error({ cronJob: entry.name, schedule: text }, 'the schedule of a CronJob cannot be read; it never starts');
  };

  /** One entry that cannot be stored holds up no other; it is tried again when it changes. */
  const upsertApart = async (entries: readonly JobEntry[], table: Table): Promise<number> => {
    try {
      return await database.transaction((client) => upsertChunk(client, entries, table));
    } catch (error) {
      if (isUnavailable(error)) throw error;
      const [only, ...others] = entries;
      if (only !== undefined && others.length === 0) {
        if (!faulty.has(entryHash(only))) log.error({ cronJob: only.name, err: error }, 'a CronJob cannot be stored');
        faulty.add(entryHash(only));
        return 0;
      }
    }
    let started = 0;
    for (const entry of entries) started += await upsertApart([entry], table);
    return started;
  };

  return {
    sync: async (table) => {
      if (synced === table && complete) return 0;
      let started = 0;
      const stored = synced === undefined ? await storedRows(database) : undefined;
      // What stands in the database as this table has it needs no lock.
      for (const { uid, entry_hash } of stored ?? []) if (table.jobs.has(uid)) written.set(uid, entry_hash);
      for (const chunk of chunksOf(table.content.jobs)) {
        const changed = chunk.filter((entry) => written.get(entry.uid) !== entryHash(entry));
        await yieldToOthers();
        if (changed.length === 0) continue;
        changed.forEach(warnUnreadable);
        started += await upsertApart(changed, table);
        for (const entry of changed) written.set(entry.uid, entryHash(entry));
      }
      const older = stored?.filter(({ sequence }) => Number(sequence) <= table.sequence).map(({ uid }) => uid);
      const retired = (older ?? [...written.keys()]).filter((uid) => !table.jobs.has(uid));
      await retireJobs(database, retired, table.sequence);
      for (const uid of retired) written.delete(uid);
      synced = table;
      complete = true;
      return started;
    },
    recheck: (uids) => {
      if (uids.length === 0) return;
      // No entry has this hash, so a job that is there counts as changed, and one that is not as gone.
      for (const uid of uids) written.set(uid, '');
      complete = false;
    },
  };
}

function* chunksOf(entries: readonly JobEntry[]): Generator<readonly JobEntry[]> {
  for (let index = 0; index < entries.length; index += chunkSize) yield entries.slice(index, index + chunkSize);
}

interface StoredRow {
  readonly uid: string;
  readonly entry_hash: string;
  readonly sequence: string;
}

async function storedRows(database: Database): Promise<readonly StoredRow[]> {
  const { rows } = await database.query<StoredRow>(
    'select uid, entry_hash, sequence from cron_jobs where gone_at is null',
  );
  return rows;
}

async function upsertChunk(client: SqlClient, entries: readonly JobEntry[], table: Table): Promise<number> {
  const uids = entries.map((entry) => entry.uid);
  // In one order everywhere, so that two replicas never wait for each other.
  const locked = await client.query<RawJobRow>(
    `select ${jobRowColumns} from cron_jobs j where j.uid = any($1) order by j.uid for update`,
    [uids],
  );
  const openRuns = await countOpenRuns(client, uids);
  const now = await databaseNow(client);
  const rows = new Map(locked.rows.map((raw) => [raw.uid, toJobRow(raw)]));
  const plans = entries.flatMap((entry) => {
    const plan = planJob(entry, rows.get(entry.uid), openRuns(entry.uid), table, now);
    return plan === undefined ? [] : [plan];
  });
  if (plans.length === 0) return 0;
  const written = await writeRows(client, plans, rows, table.sequence);
  return await writeOutcomes(client, plans.filter((plan) => written.has(plan.entry.uid)).map(decidedByPlan), table);
}

async function databaseNow(client: SqlClient): Promise<number> {
  const { rows } = await client.query<{ now: Date }>('select talaria_now() as now');
  return rows[0]?.now.getTime() ?? 0;
}

function decidedByPlan(plan: JobPlan) {
  const { entry, settled, settledFrom, firstSeen, runAtSeen } = plan;
  const recorded = firstSeen && runAtSeen !== '' ? { recordedRunAt: runAtSeen } : {};
  return { entry, outcomes: settled, ...settledFrom, ...recorded };
}

/** Gives the uids whose rows now are as planned; another replica may have made a row first. */
async function writeRows(
  client: SqlClient,
  plans: readonly JobPlan[],
  rows: ReadonlyMap<string, JobRow>,
  sequence: number,
): Promise<ReadonlySet<string>> {
  const toRow = (plan: JobPlan) => rowOf(plan, sequence);
  const fresh = plans.filter((plan) => !rows.has(plan.entry.uid)).map(toRow);
  const known = plans.filter((plan) => rows.has(plan.entry.uid)).map(toRow);
  const { rows: written } = await client.query<{ uid: string }>(upsertStatement, [
    JSON.stringify(fresh),
    JSON.stringify(known),
  ]);
  return new Set(written.map(({ uid }) => uid));
}

function rowOf(plan: JobPlan, sequence: number) {
  const { entry } = plan;
  return {
    uid: entry.uid,
    name: entry.name,
    agent: entry.agent,
    generation: entry.generation,
    sequence,
    entry_hash: entryHash(entry),
    schedule: plan.schedule,
    anchor: slotKey(plan.anchor),
    decided_to: slotKey(plan.decidedTo),
    next_start: plan.nextStart === undefined ? null : slotKey(plan.nextStart),
    next_slot: plan.nextSlot === undefined ? null : slotKey(plan.nextSlot),
    suspended: entry.suspend,
    paused_reason: plan.pausedReason ?? null,
    on_delete: entry.onDelete,
    history_limit: entry.runsHistoryLimit,
    run_at_seen: plan.runAtSeen,
  };
}

const rowShape = `(uid text, name text, agent text, generation bigint, sequence bigint, entry_hash text, schedule text,
  anchor timestamptz, decided_to timestamptz, next_start timestamptz, next_slot timestamptz, suspended boolean,
  paused_reason text, on_delete text, history_limit integer, run_at_seen text)`;

const upsertStatement = `
  with fresh as (
    insert into cron_jobs (uid, name, agent, generation, sequence, entry_hash, schedule, anchor, decided_to, next_start,
      next_slot, suspended, paused_reason, on_delete, history_limit, run_at_seen)
    select uid, name, agent, generation, sequence, entry_hash, schedule, anchor, decided_to, next_start,
      next_slot, suspended, paused_reason, on_delete, history_limit, run_at_seen
    from jsonb_to_recordset($1) as f${rowShape}
    on conflict do nothing
    returning uid
  ),
  known as (
    update cron_jobs j
    set name = k.name, agent = k.agent, generation = k.generation, sequence = k.sequence, entry_hash = k.entry_hash,
        schedule = k.schedule, anchor = k.anchor, decided_to = k.decided_to, next_start = k.next_start,
        next_slot = k.next_slot, suspended = k.suspended, paused_reason = k.paused_reason, on_delete = k.on_delete,
        -- A new spec lifts a pause after failures, and begins to count anew.
        failures_forgiven = case when k.generation > j.generation then j.consecutive_failures
          else j.failures_forgiven end,
        history_limit = k.history_limit, run_at_seen = k.run_at_seen, gone_at = null, status_version = j.status_version + 1, status_urgent = true
    from jsonb_to_recordset($2) as k${rowShape}
    where j.uid = k.uid and j.sequence < k.sequence
    returning j.uid
  )
  select uid from fresh union all select uid from known`;

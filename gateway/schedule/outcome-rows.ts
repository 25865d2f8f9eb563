import { newId } from '../../core/lib/id.ts';
import { type Gap, type Missed, type Outcome, runAtKey, type Started, slotKey } from '../../core/schedule/outcome.ts';
import type { JobEntry } from '../../core/snapshot/schema.ts';
import type { Table } from '../config/table.ts';
import type { JobRunInput } from '../job-runs/job-run.ts';
import { storable } from '../sessions/storable.ts';

/** Outcomes of one job, decided with one schedule and anchor. */
export interface DecidedJob {
  readonly entry: JobEntry;
  /** As `scheduleText` writes it; a gap is counted with it later. */
  readonly schedule: string;
  readonly anchor: number;
  readonly outcomes: readonly Outcome[];
  /** A value of `talaria.dev/run-at` that is remembered and does not run. */
  readonly recordedRunAt?: string;
}

/** Rows for the tables `occurrences`, `runs` and `gaps`, their members named as the columns are. */
export interface OutcomeRows {
  readonly occurrences: readonly object[];
  readonly runs: readonly object[];
  readonly gaps: readonly object[];
}

/** The rows of many jobs. Each start has its run, which keeps the entry and the prompt as they are now. */
export function toOutcomeRows(jobs: readonly DecidedJob[], table: Table): OutcomeRows {
  const rows = jobs.map((job) => rowsOfJob(job, table));
  return {
    occurrences: rows.flatMap((row) => row.occurrences),
    runs: rows.flatMap((row) => row.runs),
    gaps: rows.flatMap((row) => row.gaps),
  };
}

/** The start that ends all other runs of the job, if there is one: the last that does not belong to a queued backlog. */
export function replacingStart({ entry, outcomes }: DecidedJob): Started | undefined {
  if (entry.concurrencyPolicy !== 'Replace') return undefined;
  return outcomes.filter(isStarted).findLast((start) => !start.queued);
}

function rowsOfJob(job: DecidedJob, table: Table): OutcomeRows {
  const { entry, outcomes } = job;
  const starts = outcomes.filter(isStarted);
  const survivor = replacingStart(job);
  const started = starts.map((start, index) => {
    const replaced = survivor !== undefined && index < starts.indexOf(survivor);
    return { start, run: runRow(entry, table, start, replaced) };
  });
  const missed = outcomes.filter((outcome) => outcome.kind === 'Missed');
  return {
    occurrences: [
      ...started.map(({ start, run }) => ({ ...occurrenceRow(entry, start), run_id: run.id })),
      ...missed.map((outcome) => ({ ...occurrenceRow(entry, outcome), reason: outcome.reason })),
      ...recordedRow(job),
    ],
    runs: started.map(({ run }) => run),
    gaps: outcomes.filter((outcome) => outcome.kind === 'Gap').map((gap) => gapRow(job, gap)),
  };
}

function isStarted(outcome: Outcome): outcome is Started {
  return outcome.kind === 'Started';
}

function occurrenceRow({ uid, agent }: JobEntry, { kind, key, slot }: Started | Missed) {
  return { job_uid: uid, agent, key, slot: slotKey(slot), outcome: kind, reason: '' };
}

function recordedRow({ entry, anchor, recordedRunAt }: DecidedJob) {
  if (recordedRunAt === undefined) return [];
  const key = runAtKey(recordedRunAt);
  return [{ job_uid: entry.uid, agent: entry.agent, key, slot: slotKey(anchor), outcome: 'Recorded', reason: '' }];
}

function runRow(entry: JobEntry, table: Table, { key, slot, queued }: Started, replaced: boolean) {
  const agent = table.agents.get(entry.agent);
  if (agent === undefined) throw new Error(`a run of CronJob ${entry.name} was decided without its Agent`);
  const input: JobRunInput = { prompt: table.text(entry.prompt), job: entry };
  return {
    id: newId(),
    agent: agent.name,
    agent_uid: agent.uid,
    agent_generation: agent.generation,
    sequence: table.sequence,
    job_uid: entry.uid,
    occurrence: key,
    slot: slotKey(slot),
    replaced,
    input: storable(input),
    max_attempts: entry.retry.maxAttempts,
    exclusive: queued || entry.concurrencyPolicy !== 'Allow',
    backlog: queued,
  };
}

function gapRow({ entry, schedule, anchor }: DecidedJob, gap: Gap) {
  return {
    id: newId(),
    job_uid: entry.uid,
    agent: entry.agent,
    from_time: slotKey(gap.from),
    to_time: slotKey(gap.to),
    reason: gap.reason,
    schedule,
    anchor: slotKey(anchor),
    count: gap.count,
    counted_to: slotKey(gap.countedTo),
    last_slot: slotKey(gap.last),
  };
}

import type pg from 'pg';
import { jitterMs } from '../../../core/schedule/jitter.ts';
import type { JobEntry } from '../../../core/snapshot/schema.ts';
import type { Stretch } from './replicas.ts';
import type { LoggedTurn } from './turn-log.ts';

/** What became of the slots of a storm. */
export interface SlotAccounts {
  /** Slots that were due, from the first sight of each job to the end. */
  readonly slots: number;
  readonly started: number;
  /** By reason; a gap counts for each of its slots. */
  readonly missed: Readonly<Record<string, number>>;
  /** Slots with no outcome, or with more than one. */
  readonly notOneOutcome: number;
  /** Slots with more than one run, or whose run began more than once. */
  readonly doubles: number;
  /** Turns and runs of another agent than the job's. */
  readonly otherAgent: number;
  /** Pairs of runs of one job under Forbid or Replace that were under way at the same time. */
  readonly overlaps: number;
  /** Slots that were due while no replica was up. */
  readonly inOutage: number;
  /** Of the other slots, the share that started. */
  readonly startedShare: number;
  /** Milliseconds from when a slot was due, its jitter over, to its stored start. */
  readonly startDelayMs: Percentiles;
  /** Milliseconds from the stored start of a run to its first attempt, and to its end. */
  readonly waitMs: Percentiles;
  readonly endMs: Percentiles;
  /** Runs by how they ended. */
  readonly runs: Readonly<Record<string, number>>;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface AccountsInput {
  readonly pool: pg.Pool;
  readonly jobs: readonly JobEntry[];
  /** Slots count that were due until then, in Unix milliseconds. */
  readonly until: number;
  readonly turns: readonly LoggedTurn[];
  /** Process id -> when it was killed. */
  readonly kills: ReadonlyMap<number, number>;
  readonly outages: readonly Stretch[];
}

/** Reads the accounts. Every slot that was due must be decided, and no run may be open. */
export async function readSlotAccounts(input: AccountsInput): Promise<SlotAccounts> {
  const { pool, jobs, turns } = input;
  const { rows: seen } = await pool.query<{ uid: string; anchor: Date }>('select uid, anchor from cron_jobs');
  const { rows: decided } = await pool.query<DecidedRow>(
    'select job_uid, slot, outcome, reason, decided_at from occurrences',
  );
  const { rows: gaps } = await pool.query<GapRow>('select job_uid, from_time, to_time, reason from gaps');
  const { rows: runs } =
    await pool.query<RunRow>(`select id, job_uid, agent, slot, status, extract(epoch from started_at - created_at) * 1000 as wait,
       extract(epoch from finished_at - created_at) * 1000 as took from runs`);
  const anchors = new Map(seen.map(({ uid, anchor }) => [uid, anchor.getTime()]));
  const slots = jobs.flatMap((job) => dueSlots(job, anchors.get(job.uid), input));
  const outcomes = Map.groupBy(decided, ({ job_uid, slot }) => `${job_uid} ${slot.getTime()}`);
  const gapsOfJobs = Map.groupBy(gaps, ({ job_uid }) => job_uid);
  const results = slots.map((slot) => ({ slot, outcomes: outcomesOf(slot, outcomes, gapsOfJobs) }));
  const started = results.filter(({ outcomes: all }) => all.some(({ outcome }) => outcome === 'Started'));
  const outside = results.filter(
    ({ slot }) => !input.outages.some(({ from, to }) => slot.due >= from && slot.due < to),
  );
  const outsideStarted = outside.filter(({ outcomes: all }) => all.some(({ outcome }) => outcome === 'Started'));
  const delays = started.map(({ slot, outcomes: all }) => (all[0]?.decidedAt ?? Number.NaN) - slot.due);
  return {
    slots: slots.length,
    started: started.length,
    missed: countBy(results.flatMap(({ outcomes: all }) => all.filter(({ outcome }) => outcome !== 'Started'))),
    notOneOutcome: results.filter(({ outcomes: all }) => all.length !== 1).length,
    doubles: countDoubles(runs, turns),
    otherAgent: countOtherAgents(jobs, runs, turns),
    overlaps: countOverlaps(input, runs),
    inOutage: slots.length - outside.length,
    startedShare: outside.length === 0 ? 1 : outsideStarted.length / outside.length,
    startDelayMs: percentiles(delays),
    waitMs: percentiles(runs.flatMap(({ wait }) => (wait === null ? [] : [Number(wait)]))),
    endMs: percentiles(runs.flatMap(({ took }) => (took === null ? [] : [Number(took)]))),
    runs: countBy(runs.map(({ status }) => ({ outcome: status }))),
  };
}

interface DecidedRow {
  readonly job_uid: string;
  readonly slot: Date;
  readonly outcome: string;
  readonly reason: string;
  readonly decided_at: Date;
}

interface GapRow {
  readonly job_uid: string;
  readonly from_time: Date;
  readonly to_time: Date;
  readonly reason: string;
}

interface RunRow {
  readonly id: string;
  readonly job_uid: string;
  readonly agent: string;
  readonly slot: Date;
  readonly status: string;
  readonly wait: string | null;
  readonly took: string | null;
}

interface DueSlot {
  readonly uid: string;
  readonly slot: number;
  /** When it is due: the slot and its jitter. */
  readonly due: number;
}

interface SlotOutcome {
  readonly outcome: string;
  readonly decidedAt?: number;
}

function dueSlots(job: JobEntry, anchor: number | undefined, { until }: AccountsInput): DueSlot[] {
  const { uid, jitterSeconds } = job;
  if (anchor === undefined) throw new Error(`the job ${uid} was never seen`);
  const jitter = jitterMs(uid, jitterSeconds);
  const everyMs = everySeconds(job) * 1_000;
  const count = Math.max(0, Math.floor((until - jitter - anchor) / everyMs));
  return Array.from({ length: count }, (_, index) => {
    const slot = anchor + (index + 1) * everyMs;
    return { uid, slot, due: slot + jitter };
  });
}

function everySeconds({ schedule = '' }: JobEntry): number {
  return Number(/^@every (\d+)s$/.exec(schedule)?.[1]);
}

function outcomesOf(
  { uid, slot }: DueSlot,
  outcomes: ReadonlyMap<string, readonly DecidedRow[]>,
  gaps: ReadonlyMap<string, readonly GapRow[]>,
): SlotOutcome[] {
  const own = outcomes.get(`${uid} ${slot}`) ?? [];
  const covering = (gaps.get(uid) ?? []).filter(
    ({ from_time, to_time }) => slot > from_time.getTime() && slot <= to_time.getTime(),
  );
  return [
    ...own.map(({ outcome, reason, decided_at }) => ({ outcome: reason || outcome, decidedAt: decided_at.getTime() })),
    ...covering.map(({ reason }) => ({ outcome: reason })),
  ];
}

function countDoubles(runs: readonly RunRow[], turns: readonly LoggedTurn[]): number {
  const bySlot = countBy(runs.map(({ job_uid, slot }) => ({ outcome: `${job_uid} ${slot.getTime()}` })));
  const byRun = countBy(turns.map(({ run }) => ({ outcome: run })));
  return [...Object.values(bySlot), ...Object.values(byRun)].filter((count) => count > 1).length;
}

function countOtherAgents(jobs: readonly JobEntry[], runs: readonly RunRow[], turns: readonly LoggedTurn[]): number {
  const owners = new Map(jobs.map(({ uid, agent }) => [uid, agent]));
  const agentsOfRuns = new Map(runs.map((run) => [run.id, owners.get(run.job_uid)]));
  const wrongRuns = runs.filter((run) => run.agent !== owners.get(run.job_uid));
  const wrongTurns = turns.filter((turn) => turn.agent !== agentsOfRuns.get(turn.run));
  return wrongRuns.length + wrongTurns.length;
}

/** A turn without an end lasted until its process was killed. */
function countOverlaps({ jobs, turns, kills }: AccountsInput, runs: readonly RunRow[]): number {
  const exclusive = new Set(jobs.filter((job) => job.concurrencyPolicy !== 'Allow').map(({ uid }) => uid));
  const jobsOfRuns = new Map(runs.map(({ id, job_uid }) => [id, job_uid]));
  const byJob = Map.groupBy(
    turns.map((turn) => ({ ...turn, job: jobsOfRuns.get(turn.run) ?? '' })),
    ({ job }) => job,
  );
  let overlaps = 0;
  for (const [job, own] of byJob) {
    if (!exclusive.has(job)) continue;
    const inOrder = own.toSorted((a, b) => a.beganAt - b.beganAt);
    let busyUntil = Number.NEGATIVE_INFINITY;
    for (const { pid, beganAt, endedAt } of inOrder) {
      if (beganAt < busyUntil) overlaps += 1;
      busyUntil = Math.max(busyUntil, endedAt ?? kills.get(pid) ?? Number.POSITIVE_INFINITY);
    }
  }
  return overlaps;
}

function countBy(items: readonly { readonly outcome: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of items) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

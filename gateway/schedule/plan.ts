import { type Decision, decide, firstDecidedTo } from '../../core/schedule/decide.ts';
import { nextSlot } from '../../core/schedule/next.ts';
import type { Outcome } from '../../core/schedule/outcome.ts';
import type { Terms } from '../../core/schedule/terms.ts';
import type { JobEntry } from '../../core/snapshot/schema.ts';
import type { Table } from '../config/table.ts';
import { entryHash, readSchedule, runAtOf, scheduleText } from './entry.ts';
import type { JobRow } from './job-row.ts';
import { termsOf } from './terms.ts';

/** Runs of a job that have not ended: those of a queued backlog, and the others. */
export interface OpenRuns {
  readonly activeRuns: number;
  readonly queuedRuns: number;
}

/** What a CronJob's row becomes when a snapshot changes its entry. Instants are Unix milliseconds. */
export interface JobPlan {
  readonly entry: JobEntry;
  readonly firstSeen: boolean;
  readonly schedule: string;
  readonly anchor: number;
  readonly decidedTo: number;
  readonly nextSlot: number | undefined;
  readonly nextStart: number | undefined;
  readonly pausedReason: JobRow['pausedReason'];
  readonly runAtSeen: string;
  /** What the terms that end now leave behind, with the anchor and schedule that they had. */
  readonly settled: readonly Outcome[];
  readonly settledFrom: { readonly schedule: string; readonly anchor: number };
}

/**
 * Plans the row of one entry, or undefined when nothing is to be written: the row is as new as the table, or the entry is
 * the same. Nothing ever fires for the time before a job, or a schedule, was first seen.
 */
export function planJob(
  entry: JobEntry,
  row: JobRow | undefined,
  open: OpenRuns,
  table: Table,
  now: number,
): JobPlan | undefined {
  if (row !== undefined && row.sequence >= table.sequence) return undefined;
  if (row !== undefined && !row.gone && row.entryHash === entryHash(entry)) return undefined;
  const pausedReason = keptPause(entry, row);
  const terms = termsOf(entry, table, pausedReason !== undefined);
  if (terms === undefined) return undefined;
  if (row === undefined || row.gone) return planFirstSight(entry, terms, pausedReason, now);
  return planChange(entry, terms, pausedReason, row, open, now);
}

/** A pause after failures ends with a new generation; one by hand ends by hand. */
function keptPause(entry: JobEntry, row: JobRow | undefined): JobRow['pausedReason'] {
  if (row?.pausedReason === 'Failures' && entry.generation > row.generation) return undefined;
  return row?.pausedReason;
}

function planFirstSight(entry: JobEntry, terms: Terms, pausedReason: JobRow['pausedReason'], now: number): JobPlan {
  const schedule = scheduleText(entry);
  const anchor = wholeSecond(now);
  return {
    entry,
    firstSeen: true,
    schedule,
    anchor,
    pausedReason,
    runAtSeen: runAtOf(entry),
    settled: [],
    settledFrom: { schedule, anchor },
    ...lookAhead(terms, firstDecidedTo(terms.schedule, now), anchor),
  };
}

function planChange(
  entry: JobEntry,
  terms: Terms,
  pausedReason: JobRow['pausedReason'],
  row: JobRow,
  open: OpenRuns,
  now: number,
): JobPlan {
  const schedule = scheduleText(entry);
  const changed = schedule !== row.schedule;
  const settled = settle(terms, row, open, changed, now);
  const anchor = changed ? wholeSecond(now) : row.anchor;
  const decidedTo = changed ? firstDecidedTo(terms.schedule, now) : (settled?.decidedTo ?? row.decidedTo);
  const ahead = lookAhead(terms, decidedTo, anchor);
  const asksForRun = runAtOf(entry) !== '' && runAtOf(entry) !== row.runAtSeen;
  return {
    entry,
    firstSeen: false,
    schedule,
    anchor,
    pausedReason,
    runAtSeen: row.runAtSeen,
    settled: settled?.outcomes ?? [],
    settledFrom: { schedule: row.schedule, anchor: row.anchor },
    ...ahead,
    nextStart: asksForRun ? now : ahead.nextStart,
  };
}

/**
 * Slots before a change of the schedule belong to the old one, and slots of a suspension end with it. Jitter holds nothing
 * back any more, since the row forgets those slots.
 */
function settle(terms: Terms, row: JobRow, open: OpenRuns, changed: boolean, now: number): Decision | undefined {
  const wasSuspended = row.suspended || row.pausedReason !== undefined;
  const resumed = wasSuspended && !terms.suspended;
  const schedule = readSchedule(row.schedule);
  if ((!changed && !resumed) || schedule === undefined) return undefined;
  const old = { ...terms, schedule, suspended: wasSuspended || terms.suspended, jitterMs: 0 };
  return decide(old, { anchor: row.anchor, decidedTo: row.decidedTo, ...open }, now);
}

function lookAhead(terms: Terms, decidedTo: number, anchor: number) {
  const next = terms.suspended ? undefined : nextSlot(terms.schedule, decidedTo, anchor);
  return { decidedTo, nextSlot: next, nextStart: next === undefined ? undefined : next + terms.jitterMs };
}

/** Slots of `@every` fall on whole seconds, which is what people read in a status. */
function wholeSecond(instant: number): number {
  return Math.floor(instant / 1000) * 1000;
}

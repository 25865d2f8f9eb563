import { startBacklog } from './catch-up.ts';
import { missAll } from './missed.ts';
import { nextSlot } from './next.ts';
import { type Missed, type Outcome, type Started, slotKey } from './outcome.ts';
import type { Schedule } from './parse.ts';
import { type Stretch, slotsBetween } from './slots.ts';
import type { History, Terms } from './terms.ts';

/** A slot decided this long after it was due is on time; a later one is backlog, which `catchUp` rules. */
export const onTimeMs = 10_000;

export interface Decision {
  /** One for every slot in question, in slot order; a gap stands for many. */
  readonly outcomes: readonly Outcome[];
  readonly decidedTo: number;
  /** When the job must be looked at again, in Unix milliseconds; undefined: never, unless it changes. */
  readonly nextStart: number | undefined;
}

/**
 * Gives every slot after `decidedTo` that is due at `now` exactly one outcome. A slot is due once its jitter is over. The
 * tests are made in the order of `missedReasons`. Work is bounded however long the backlog is: what shares a reason
 * becomes one gap.
 */
export function decide(terms: Terms, history: History, now: number): Decision {
  const { schedule } = terms;
  // A suspension ends at a moment, not at a slot: what its jitter still held back belongs to it.
  const dueTo = terms.suspended ? now : now - terms.jitterMs;
  const decidedTo = Math.max(history.decidedTo, dueTo);
  const stretch = { from: history.decidedTo, to: dueTo };
  const outcomes = stretch.from < stretch.to ? decideStretch(terms, history, stretch) : [];
  const next = terms.suspended ? undefined : nextSlot(schedule, decidedTo, history.anchor);
  return {
    outcomes,
    decidedTo,
    nextStart: next === undefined ? undefined : next + terms.jitterMs,
  };
}

/**
 * The outcome of a run asked for by `talaria.dev/run-at` or the API: it heeds the Agent and Forbid, but neither suspension
 * nor the schedule. `startedNow` tells whether a slot of the job starts in the same transaction.
 */
export function decideRunNow(
  terms: Terms,
  history: History,
  run: { readonly key: string; readonly startedNow: boolean },
  now: number,
): Started | Missed {
  const { key } = run;
  const active = run.startedNow || history.activeRuns + history.queuedRuns > 0;
  if (!terms.agentServes) return { kind: 'Missed', key, slot: now, reason: 'AgentUnavailable' };
  if (terms.concurrencyPolicy === 'Forbid' && active) return { kind: 'Missed', key, slot: now, reason: 'Forbid' };
  return { kind: 'Started', key, slot: now, queued: false };
}

/** Where deciding begins for a job first seen `now`: nothing of the past but an `at` that came too late. */
export function firstDecidedTo(schedule: Schedule, now: number): number {
  return schedule.kind === 'at' && schedule.at <= now ? schedule.at - 1 : now;
}

function decideStretch(terms: Terms, history: History, stretch: Stretch): Outcome[] {
  const miss = (part: Stretch, reason: 'Suspended' | 'AgentUnavailable' | 'Deadline') =>
    missAll(terms.schedule, part, history.anchor, reason);
  if (terms.suspended) return miss(stretch, 'Suspended');
  if (!terms.agentServes) return miss(stretch, 'AgentUnavailable');
  const { tooLate, backlog, onTime } = split(stretch, terms.startingDeadlineMs);
  const started = [...miss(tooLate, 'Deadline'), ...startBacklog(terms, history, backlog)];
  return [...started, ...decideOnTime(terms, history, onTime, started)];
}

/** Cuts by age; the parts are in order, touch, and may be empty. */
function split({ from, to }: Stretch, deadlineMs: number | undefined) {
  const within = (instant: number) => Math.min(Math.max(instant, from), to);
  const lateTo = deadlineMs === undefined ? from : within(to - deadlineMs - 1);
  const backlogTo = Math.max(lateTo, within(to - onTimeMs - 1));
  return {
    tooLate: { from, to: lateTo },
    backlog: { from: lateTo, to: backlogTo },
    onTime: { from: backlogTo, to },
  };
}

function decideOnTime(terms: Terms, history: History, stretch: Stretch, before: readonly Outcome[]): Outcome[] {
  let active = history.activeRuns + history.queuedRuns > 0 || before.some((outcome) => outcome.kind === 'Started');
  const outcomes: Outcome[] = [];
  for (const slot of slotsBetween(terms.schedule, stretch, history.anchor)) {
    const outcome = decideSlot(terms, history.anchor, slot, active);
    active ||= outcome.kind === 'Started';
    outcomes.push(outcome);
  }
  return outcomes;
}

function decideSlot(terms: Terms, anchor: number, slot: number, active: boolean): Outcome {
  const key = slotKey(slot);
  if (terms.concurrencyPolicy === 'Forbid' && active) return { kind: 'Missed', key, slot, reason: 'Forbid' };
  if (slot <= anchor) return { kind: 'Missed', key, slot, reason: 'FirstSeenLate' };
  return { kind: 'Started', key, slot, queued: false };
}

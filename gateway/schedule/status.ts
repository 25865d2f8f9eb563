import type { ConditionReason } from '../../core/conditions.ts';
import { toWire } from '../../core/lib/id.ts';
import type { JobStatus } from '../config/source.ts';

/** What the database knows of a CronJob that its status shows. */
export interface JobFacts {
  readonly generation: number;
  readonly suspended: boolean;
  readonly pausedReason: 'Failures' | 'Manual' | undefined;
  readonly nextSlot: Date | undefined;
  readonly lastStarted: Date | undefined;
  readonly lastSucceeded: Date | undefined;
  readonly lastRunAt: string;
  readonly consecutiveFailures: number;
  /** Runs that failed or whose outcome is unknown, since the job was first seen. */
  readonly failedCount: number;
  /** The newest of them that is kept. */
  readonly newestFailure: { readonly id: string; readonly code: string } | undefined;
  readonly missed: readonly MissedFact[];
  /** Runs that have not ended, the oldest first. */
  readonly open: readonly { readonly id: string; readonly slot: Date }[];
  /** The newest occurrences, the newest first. */
  readonly recent: readonly RecentFact[];
}

/** Slots that were missed for one reason. */
export interface MissedFact {
  readonly reason: string;
  readonly count: number;
  readonly lastSlot: Date;
}

export interface RecentFact {
  readonly slot: Date;
  /** Absent for a slot that was missed. */
  readonly runId: string | undefined;
  /** Status of the run; absent when the run was pruned or never was. */
  readonly runStatus: string | undefined;
  /** Why the slot was missed, else ''. */
  readonly reason: string;
  /** Statuses of the run's deliveries. */
  readonly deliveries: readonly string[];
}

const most = { active: 100, recent: 10 };

/**
 * The status of a CronJob. `before` is what was written last: a condition that says the same keeps its transition time, so
 * equal facts give an equal status. `now` is RFC 3339.
 */
export function buildStatus(facts: JobFacts, before: JobStatus | undefined, now: string): JobStatus {
  return {
    ...optional('lastScheduleTime', facts.lastStarted),
    ...optional('nextScheduleTime', facts.nextSlot),
    ...optional('lastSuccessfulTime', facts.lastSucceeded),
    ...optional('lastMissedTime', newest(facts.missed)?.lastSlot),
    missedCount: facts.missed.reduce((sum, { count }) => sum + count, 0),
    consecutiveFailures: facts.consecutiveFailures,
    ...(facts.lastRunAt === '' ? {} : { lastRunAt: facts.lastRunAt }),
    active: facts.open
      .slice(0, most.active)
      .map(({ id, slot }) => ({ runId: toWire('run', id), scheduledTime: rfc3339(slot) })),
    recentRuns: facts.recent.slice(0, most.recent).map(toRecentRun),
    conditions: [scheduled(facts), healthy(facts)].map((condition) => {
      const known = before?.conditions.find(({ type }) => type === condition.type);
      const lastTransitionTime = known?.status === condition.status ? known.lastTransitionTime : now;
      return { ...condition, lastTransitionTime, observedGeneration: facts.generation };
    }),
  };
}

/** The reason of the condition Healthy in a status. */
export function healthyReason(status: JobStatus): string {
  return status.conditions.find(({ type }) => type === 'Healthy')?.reason ?? '';
}

type Condition = Pick<JobStatus['conditions'][number], 'type' | 'status' | 'reason' | 'message'>;

/** Whether a CronJob has a next slot, else why not: the reason of its condition Scheduled. */
export function scheduleState({
  suspended,
  pausedReason,
  nextSlot,
}: Pick<JobFacts, 'suspended' | 'pausedReason' | 'nextSlot'>): ConditionReason<'Scheduled'> {
  if (suspended) return 'Suspended';
  if (pausedReason !== undefined) return pausedReason === 'Manual' ? 'Manual' : 'Paused';
  return nextSlot === undefined ? 'Completed' : 'Scheduled';
}

function scheduled(facts: JobFacts): Condition {
  const reason = scheduleState(facts);
  return {
    type: 'Scheduled',
    status: reason === 'Scheduled' ? 'True' : 'False',
    reason,
    message: scheduledMessages[reason],
  };
}

const scheduledMessages: Readonly<Record<ConditionReason<'Scheduled'>, string>> = {
  Scheduled: 'it has a next slot',
  Suspended: 'spec.suspend is true; set it to false to resume',
  Manual: 'paused by hand; resume it by hand',
  Paused: 'paused after onFailure.suspendAfter failures in a row; change the spec, or resume it by hand',
  Completed: 'it has no further slot',
};

/** Slots that the author's own suspension left out are no fault. */
function healthy({ consecutiveFailures, newestFailure, missed, lastSucceeded }: JobFacts): Condition {
  const no = (reason: ConditionReason<'Healthy'>, message: string): Condition => ({
    type: 'Healthy',
    status: 'False',
    reason,
    message,
  });
  if (consecutiveFailures > 0) {
    const why = newestFailure === undefined ? '' : `: ${newestFailure.code}`;
    return no('RunFailed', `the newest run failed${why}; its error is stored with the run`);
  }
  const fault = newest(missed.filter(({ reason }) => reason !== 'Suspended'));
  if (fault !== undefined && fault.lastSlot.getTime() > (lastSucceeded?.getTime() ?? 0)) {
    return no('SlotsMissed', `slots were missed since the newest successful run: ${fault.reason}`);
  }
  return { type: 'Healthy', status: 'True', reason: 'Healthy', message: 'no run failed and no slot was missed' };
}

const runOutcomes: Readonly<Record<string, string>> = {
  queued: 'Queued',
  running: 'Running',
  waiting_for_approval: 'WaitingForApproval',
  stopping: 'Stopping',
  completed: 'Succeeded',
  failed: 'Failed',
  cancelled: 'Cancelled',
  unknown: 'Unknown',
};

function toRecentRun({ slot, runId, runStatus, reason, deliveries }: RecentFact): JobStatus['recentRuns'][number] {
  return {
    scheduledTime: rfc3339(slot),
    runId: runId === undefined ? '' : toWire('run', runId),
    outcome: reason === '' ? (runOutcomes[runStatus ?? ''] ?? 'Started') : `Missed(${reason})`,
    deliveryOutcome: deliveryOutcome(deliveries),
  };
}

/** The worst of what a run's deliveries came to, worst first; '' when it has none. */
const deliveryOutcomes = [
  ['dead', 'Dead'],
  ['expired', 'Expired'],
  ['ambiguous', 'Ambiguous'],
  ['sending', 'Pending'],
  ['pending', 'Pending'],
  ['suppressed', 'Suppressed'],
  ['sent', 'Sent'],
] as const;

function deliveryOutcome(statuses: readonly string[]): string {
  return deliveryOutcomes.find(([status]) => statuses.includes(status))?.[1] ?? '';
}

function optional<Name extends string>(name: Name, time: Date | undefined): { readonly [K in Name]?: string } {
  return (time === undefined ? {} : { [name]: rfc3339(time) }) as { readonly [K in Name]?: string };
}

function rfc3339(time: Date): string {
  return time.toISOString().replace('.000Z', 'Z');
}

/** Those with the newest slot. */
export function newest(missed: readonly MissedFact[]): MissedFact | undefined {
  return missed.toSorted((a, b) => a.lastSlot.getTime() - b.lastSlot.getTime()).at(-1);
}

import { toWire } from '../../core/lib/id.ts';
import type { JobReport } from '../config/job-report.ts';
import type { JobStatus } from '../config/source.ts';
import { type JobFacts, type MissedFact, newest } from './status.ts';

/** Up to which of its totals people were told what happened to a CronJob. */
export interface Told {
  readonly misses: number;
  readonly failures: number;
}

/** What there is to tell: all misses and failures, those of suspensions aside. */
export function toTell(facts: JobFacts): Told {
  return { misses: faults(facts).reduce((sum, { count }) => sum + count, 0), failures: facts.failedCount };
}

/** What happened to a CronJob since people were told last and its status was `before`; its status is `now`. */
export function newsOf(facts: JobFacts, told: Told, before: JobStatus | undefined, now: JobStatus): JobReport[] {
  return [...missedNews(facts, told), ...failedNews(facts, told), ...haltNews(before, now)];
}

function missedNews(facts: JobFacts, told: Told): JobReport[] {
  const count = toTell(facts).misses - told.misses;
  const last = newest(faults(facts));
  if (count <= 0 || last === undefined) return [];
  return [{ kind: 'missed', count, lastSlot: last.lastSlot, reason: last.reason }];
}

function faults({ missed }: JobFacts): readonly MissedFact[] {
  return missed.filter(({ reason }) => reason !== 'Suspended');
}

function failedNews({ failedCount, newestFailure }: JobFacts, told: Told): JobReport[] {
  const count = failedCount - told.failures;
  if (count <= 0 || newestFailure === undefined) return [];
  return [{ kind: 'failed', count, run: toWire('run', newestFailure.id), code: newestFailure.code }];
}

const halts: Readonly<Record<string, Extract<JobReport, { kind: 'halted' }>['by']>> = {
  Paused: 'Failures',
  Manual: 'Manual',
  Suspended: 'Spec',
};

/** A job that was made suspended is no news. */
function haltNews(before: JobStatus | undefined, now: JobStatus): JobReport[] {
  const was = before && halts[scheduledReason(before)];
  const is = halts[scheduledReason(now)];
  if (was === is || (before === undefined && is === 'Spec')) return [];
  return [is === undefined ? { kind: 'resumed' } : { kind: 'halted', by: is }];
}

function scheduledReason({ conditions }: JobStatus): string {
  return conditions.find(({ type }) => type === 'Scheduled')?.reason ?? '';
}

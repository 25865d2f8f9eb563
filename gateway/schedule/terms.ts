import { resolveJob } from '../../core/route/resolve.ts';
import { jitterMs } from '../../core/schedule/jitter.ts';
import type { Terms } from '../../core/schedule/terms.ts';
import type { JobEntry } from '../../core/snapshot/schema.ts';
import type { Table } from '../config/table.ts';
import { readSchedule, scheduleText } from './entry.ts';

/**
 * What the entry and its Agent say about slots; undefined when the schedule cannot be read. `paused` is the database's
 * word, beside the spec's `suspend`.
 */
export function termsOf(entry: JobEntry, table: Table, paused: boolean): Terms | undefined {
  const { startingDeadlineSeconds } = entry;
  const schedule = readSchedule(scheduleText(entry));
  if (schedule === undefined) return undefined;
  return {
    schedule,
    suspended: entry.suspend || paused,
    agentServes: resolveJob(table.routes, entry).kind === 'resolved',
    startingDeadlineMs: startingDeadlineSeconds === undefined ? undefined : startingDeadlineSeconds * 1000,
    concurrencyPolicy: entry.concurrencyPolicy,
    catchUp: entry.catchUp,
    jitterMs: jitterMs(entry.uid, entry.jitterSeconds),
  };
}

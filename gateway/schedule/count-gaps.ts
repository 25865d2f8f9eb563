import { slotKey } from '../../core/schedule/outcome.ts';
import { countSlots } from '../../core/schedule/slots.ts';
import type { Database } from '../db/pool.ts';
import { readSchedule } from './entry.ts';

/** How many slots are counted at a time: some 20 ms of work. */
const sliceSize = 400;

/**
 * Counts one more slice of the oldest gap that is not counted to its end, and adds it to the totals. False when there is
 * none, or other replicas are at all of them.
 */
export async function countGapSlice(database: Database): Promise<boolean> {
  return await database.transaction(async (client) => {
    const { rows } = await client.query<GapRow>(takeStatement);
    const gap = rows[0];
    if (gap === undefined) return false;
    const schedule = readSchedule(gap.schedule);
    const stretch = { from: gap.counted_to.getTime(), to: gap.to_time.getTime() };
    const { count, countedTo } =
      schedule === undefined
        ? { count: 0, countedTo: stretch.to }
        : countSlots(schedule, stretch, gap.anchor.getTime(), sliceSize);
    await client.query(addStatement, [gap.id, count, slotKey(countedTo)]);
    return true;
  });
}

interface GapRow {
  readonly id: string;
  readonly schedule: string;
  readonly anchor: Date;
  readonly counted_to: Date;
  readonly to_time: Date;
}

const takeStatement = `
  select id, schedule, anchor, counted_to, to_time from gaps
  where counted_to < to_time order by decided_at limit 1 for update skip locked`;

const addStatement = `
  with gap as (
    update gaps set count = count + $2, counted_to = $3 where id = $1 returning job_uid, reason
  ),
  total as (
    update missed_totals t set count = t.count + $2 from gap where t.job_uid = gap.job_uid and t.reason = gap.reason
  )
  update cron_jobs j set status_version = status_version + 1 from gap where j.uid = gap.job_uid`;

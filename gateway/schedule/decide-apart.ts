import type { Logger } from '../../core/lib/log.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { isUnavailable } from '../db/unavailable.ts';
import { batchSize, type DueJobs, decideDueJobs, UndecidableJob } from './due-jobs.ts';

/**
 * Decides a batch of due jobs as `decideDueJobs` does, but one whose outcomes cannot be stored holds up no other: where the
 * batch fails, its jobs are decided each by itself, and the one at fault is put off for some seconds. None of its slots is
 * lost by that. Throws only while the database cannot be used.
 */
export async function decideApart(database: Database, table: Table, log: Logger): Promise<DueJobs> {
  try {
    return await decideDueJobs(database, table);
  } catch (error) {
    if (isUnavailable(error)) throw error;
    log.warn({ err: error }, 'due CronJobs could not be decided together; each is decided by itself');
  }
  let all: DueJobs = { decided: 0, started: 0, differing: [] };
  for (let count = 0; count < batchSize; count += 1) {
    const one = await decideOne(database, table, log);
    if (one.decided + one.differing.length === 0) break;
    all = {
      decided: all.decided + one.decided,
      started: all.started + one.started,
      differing: [...all.differing, ...one.differing],
    };
  }
  return all;
}

/** Short enough for its slots to be on time when what was wrong is over. */
const putOffSeconds = 5;

async function decideOne(database: Database, table: Table, log: Logger): Promise<DueJobs> {
  try {
    return await decideDueJobs(database, table, 1);
  } catch (error) {
    if (!(error instanceof UndecidableJob)) throw error;
    log.error({ cronJob: error.job, err: error.cause }, 'the slots of a CronJob cannot be decided; it is put off');
    await database.query(putOffStatement, [error.uid, putOffSeconds]);
    return { decided: 1, started: 0, differing: [] };
  }
}

const putOffStatement = `
  update cron_jobs set next_start = talaria_now() + make_interval(secs => $2)
  where uid = $1 and next_start <= talaria_now()`;

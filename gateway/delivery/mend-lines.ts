import type { Logger } from '../../core/lib/log.ts';
import { createNudgedLoop, type NudgedLoop } from '../../core/lib/nudged-loop.ts';
import type { Database } from '../db/pool.ts';

const everyMs = 30_000;

/**
 * Looks now and then for deliveries that wait behind nothing, as a gateway of an earlier version leaves them that sends
 * while this one is rolled out, and has them put into their lines again.
 */
export function createLineMender(database: Database, log: Logger): Pick<NudgedLoop, 'start' | 'stop'> {
  return createNudgedLoop(
    everyMs,
    async () => {
      const { rowCount } = await database.prepared('mend-lines', mendStatement);
      if (rowCount > 0) log.warn({ deliveries: rowCount }, 'deliveries that waited behind nothing go on');
    },
    log,
  );
}

const mendStatement = `
  update deliveries d set head = null
  where not d.head and d.status = 'pending' and d.id in (
    select n.id from deliveries n
    where not n.head and n.status = 'pending' and not exists (
      select from deliveries h where h.line = n.line and h.head and h.status in ('pending', 'sending'))
    limit 500)`;

import type { Database } from '../db/pool.ts';
import { isOutOfTime } from '../db/unavailable.ts';
import { endedStatuses, openStatuses } from '../runs/run-status.ts';

/**
 * Whether any replica's snapshot has the Agent, as far as the database knows: this one's may be older than the one in which
 * the Agent was made anew.
 */
export async function isServedAnywhere(database: Database, agent: string): Promise<boolean> {
  const { rowCount } = await database.query('select from agents where name = $1 and gone_at is null', [agent]);
  return rowCount > 0;
}

/** What one batch deleted. */
export interface Purged {
  readonly files: number;
  readonly sessions: number;
  readonly runs: number;
  readonly deliveries: number;
}

const filesAtOnce = 100;
const rowsAtOnce = 500;

/**
 * Deletes one batch of what is kept for an Agent's name: files, sessions with what was said, responses, runs with their
 * events, deliveries that are done and Idempotency-Keys. What is at work stays: sessions with an open run, open runs with
 * their keys, and deliveries that are still to be sent. Nothing deleted: there is no more that can be.
 */
export async function purgeBatch(database: Database, agent: string): Promise<Purged> {
  const batch = {
    files: await purgeFiles(database, agent),
    sessions: await inSteps((atOnce) => purgeSessions(database, agent, atOnce)),
    runs: await inSteps(async (atOnce) => (await database.query(runsStatement, [agent, atOnce])).rowCount),
    deliveries: (await database.query(deliveriesStatement, [agent, rowsAtOnce])).rowCount,
  };
  await database.query(keysStatement, [agent]);
  return batch;
}

/** Sessions and runs may hold so much that a whole batch takes longer than a statement may: then fewer are deleted. */
async function inSteps(purge: (atOnce: number) => Promise<number>): Promise<number> {
  for (let atOnce = rowsAtOnce; ; atOnce = Math.floor(atOnce / 10)) {
    try {
      return await purge(atOnce);
    } catch (error) {
      if (!isOutOfTime(error) || atOnce < 10) throw error;
    }
  }
}

async function purgeFiles(database: Database, agent: string): Promise<number> {
  return await database.transaction(async (client) => {
    await client.query('select lock_files(of_agent => $1)', [agent]);
    const { rowCount } = await client.query(filesStatement, [agent, filesAtOnce]);
    if (rowCount < filesAtOnce) await client.query('delete from seeded_files where agent = $1', [agent]);
    return rowCount;
  });
}

const filesStatement = `
  delete from files
  where agent = $1 and path in (select path from files where agent = $1 order by path limit $2)`;

/** First locked and then looked at again, so that a turn that begins meanwhile either is seen or finds no session. */
async function purgeSessions(database: Database, agent: string, atOnce: number): Promise<number> {
  return await database.transaction(async (client) => {
    const { rows } = await client.query<{ id: string }>(lockStatement, [agent, atOnce]);
    return (await client.query(sessionsStatement, [agent, rows.map(({ id }) => id)])).rowCount;
  });
}

const lockStatement = `
  select s.id from sessions s
  where s.agent = $1
    and not exists (select from runs r where r.session_id = s.id and r.agent = $1 and r.status in ${openStatuses})
  order by s.created_at limit $2 for update skip locked`;

const sessionsStatement = `
  delete from sessions s
  where s.agent = $1 and s.id = any($2)
    and not exists (select from runs r where r.session_id = s.id and r.agent = $1 and r.status in ${openStatuses})`;

/** Runs of which people are still to be told stay until they were. */
const runsStatement = `
  delete from runs where agent = $1 and id in (
    select id from runs
    where agent = $1 and status in ${endedStatuses} and untold_failures is null limit $2)`;

const deliveriesStatement = `
  delete from deliveries where agent = $1 and id in (
    select id from deliveries where agent = $1 and status not in ('pending', 'sending') limit $2)`;

/** The key of an open run stays, for a request that is sent again must not run twice. */
const keysStatement = `
  delete from idempotency_keys k
  where k.agent = $1
    and not exists (select from runs r where r.id = k.run_id and r.agent = $1 and r.status in ${openStatuses})`;

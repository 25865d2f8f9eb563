import type { AgentEntry } from '../../core/snapshot/schema.ts';
import type { Database } from '../db/pool.ts';
import { openStatuses } from '../runs/run-status.ts';

const rowsAtOnce = 500;

/**
 * Deletes one batch of what is no longer kept. Of these agents, where they give `retentionSeconds`: sessions that nobody
 * used for as long, with their items, responses and runs, and runs without a session that ended as long ago. Nothing that
 * belongs to a session with an open run, and no run of a CronJob, whose own limit holds. Of everybody: Idempotency-Keys
 * after a day. True when there may be more.
 */
export async function pruneSessions(
  database: Database,
  agents: readonly Pick<AgentEntry, 'name' | 'sessions'>[],
): Promise<boolean> {
  const kept = agents.flatMap(({ name, sessions }) =>
    sessions.retentionSeconds === undefined ? [] : [{ name, seconds: sessions.retentionSeconds }],
  );
  const values = [kept.map(({ name }) => name), kept.map(({ seconds }) => seconds), rowsAtOnce];
  const batches = [
    kept.length === 0 ? 0 : await pruneUnused(database, values),
    kept.length === 0 ? 0 : (await database.query(runsStatement, values)).rowCount,
    (await database.query(keysStatement, [rowsAtOnce])).rowCount,
  ];
  return batches.some((count) => count >= rowsAtOnce);
}

/** First locked and then looked at again, so that a turn that begins meanwhile either is seen or finds no session. */
async function pruneUnused(database: Database, values: readonly unknown[]): Promise<number> {
  return await database.transaction(async (client) => {
    const { rows } = await client.query<{ id: string; agent: string }>(lockStatement, values);
    if (rows.length === 0) return 0;
    const locked = [rows.map(({ id }) => id), rows.map(({ agent }) => agent)];
    return (await client.query(sessionsStatement, locked)).rowCount;
  });
}

const keptAgents = 'unnest($1::text[], $2::integer[]) as kept (agent, seconds)';
const cutOff = '(select talaria_now()) - make_interval(secs => kept.seconds)';

const lockStatement = `
  select unused.id, unused.agent
  from ${keptAgents}
  cross join lateral (
    select s.id, s.agent from sessions s
    where s.agent = kept.agent and s.created_at < ${cutOff} and s.last_active_at < ${cutOff}
      and not exists (
        select from runs r
        where r.session_id = s.id and r.status in ${openStatuses})
    order by s.created_at limit $3 for update skip locked
  ) unused
  limit $3`;

const sessionsStatement = `
  with unused as (
    select id, agent from unnest($1::uuid[], $2::text[]) as locked (id, agent)
    where not exists (
      select from runs r
      where r.session_id = locked.id and r.status in ${openStatuses})
  ),
  runs_gone as (
    delete from runs r using unused where r.session_id = unused.id and r.agent = unused.agent and r.job_uid is null
  )
  delete from sessions s using unused where s.id = unused.id and s.agent = unused.agent`;

const runsStatement = `
  delete from runs r
  using (
    select old.id, old.agent
    from ${keptAgents}
    cross join lateral (
      select id, agent from runs
      where agent = kept.agent and session_id is null and job_uid is null and finished_at < ${cutOff} limit $3
    ) old
    limit $3
  ) gone
  where r.id = gone.id and r.agent = gone.agent and r.session_id is null`;

const keysStatement = `
  delete from idempotency_keys where (principal, key) in (
    select principal, key from idempotency_keys
    where created_at < (select talaria_now()) - interval '24 hours' limit $1)`;

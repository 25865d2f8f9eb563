import { newId, toWire } from '../../core/lib/id.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';
import type { ChatMessage } from '../agent/models/port.ts';
import type { Database } from '../db/pool.ts';
import { activeStatuses } from '../runs/run-status.ts';
import { toMessages } from '../sessions/items.ts';
import { readHistory } from '../sessions/read-history.ts';
import { answerOpenCalls, boundHistory } from '../turns/history.ts';
import type { JobRun } from './job-run.ts';

/** Where a scheduled run says what it says. */
export type JobSession =
  /** Made, under `name`, when the run has its first effect: a run that never calls a model leaves none. */
  | { readonly kind: 'isolated'; readonly id: string; readonly name: string }
  | { readonly kind: 'named'; readonly id: string; readonly history: readonly ChatMessage[] }
  /** Another run of the session is active. */
  | { readonly kind: 'busy' };

/**
 * Opens the session of a run: its own, or the job's named one, which all its runs share and one at a time holds. Both
 * belong to the run's agent, under platform `cron` and the job's uid.
 */
export async function openJobSession(database: Database, run: JobRun, agent: AgentEntry): Promise<JobSession> {
  const { session } = run.input.job;
  if (session.type === 'Isolated') return { kind: 'isolated', id: newId(), name: toWire('run', run.id) };
  return await database.transaction(async (client) => {
    const key = [run.agent, run.jobUid, session.name ?? ''];
    await client.query(makeStatement, [...key, newId(), run.agentUid]);
    const found = await client.query<{ id: string }>(lockStatement, key);
    const id = found.rows[0]?.id;
    const { rowCount } = await client.query(holdStatement, [id, run.id, run.worker, run.attempt]);
    if (rowCount === 0) return { kind: 'busy' };
    const most = agent.sessions.maxHistoryMessages;
    const history = await readHistory(client, { session: id, agent: run.agent }, most);
    return { kind: 'named', id: id ?? '', history: toMessages(answerOpenCalls(boundHistory(history, agent))) };
  });
}

const makeStatement = `
  insert into sessions (agent, principal, name, id, agent_uid, platform)
  values ($1, $2, $3, $4, $5, 'cron') on conflict do nothing`;

const lockStatement = `
  select id from sessions
  where agent = $1 and platform = 'cron' and principal = $2 and name = $3 and ended_at is null for update`;

const holdStatement = `
  update runs set session_id = $1
  where id = $2 and worker = $3 and attempt = $4 and status = 'running'
    and not exists (
      select from runs other
      where other.session_id = $1 and other.id <> $2
        and other.status in ${activeStatuses})`;

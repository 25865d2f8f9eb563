import { TalariaError } from '../../core/lib/errors.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';
import type { AgentStatus } from '../config/source.ts';
import type { Database } from '../db/pool.ts';

/**
 * What was last reported of the accounts of these Agents, by the Agent's name; at most some seconds old. Nothing is known
 * of an Agent that has no accounts or that nobody has looked at yet, and of any while the database is away.
 */
export async function readAccountHealth(
  database: Database,
  agents: readonly AgentEntry[],
): Promise<ReadonlyMap<string, AgentStatus['accounts']>> {
  const uids = new Map(agents.filter(({ accounts }) => accounts.length > 0).map(({ name, uid }) => [name, uid]));
  if (uids.size === 0) return new Map();
  const rows = await readStatuses(database, [...uids.keys()]);
  const current = rows.filter(({ agent, agent_uid: uid }) => uids.get(agent) === uid);
  return new Map(current.map(({ agent, status }) => [agent, status.accounts]));
}

interface StatusRow {
  readonly agent: string;
  readonly agent_uid: string;
  readonly status: AgentStatus;
}

async function readStatuses(database: Database, agents: readonly string[]): Promise<readonly StatusRow[]> {
  try {
    const { rows } = await database.prepared<StatusRow>(
      'read-account-health',
      'select agent, agent_uid, status from agent_statuses where agent = any($1)',
      [agents],
    );
    return rows;
  } catch (error) {
    if (error instanceof TalariaError && error.code === 'state_unavailable') return [];
    throw error;
  }
}

import type { Principal } from '../../core/route/principal.ts';
import { callableAgents, ownedBy } from '../db/owned-by.ts';
import type { Database } from '../db/pool.ts';
import { hasEnded, type RunStatus } from '../runs/run-status.ts';

/** A response that another one may go on from. Ids are UUIDs. */
export interface ChainedResponse {
  readonly id: string;
  /** The chain belongs to it for ever. */
  readonly agent: string;
  readonly session: string;
  /** The newest item of its session when it was complete; undefined when it kept nothing. */
  readonly lastSeq: number | undefined;
  /** Whether its run is over. */
  readonly ended: boolean;
}

/** This principal's response, while its agent is one that the principal may call; undefined for every other and a deleted one. */
export async function findChained(
  database: Database,
  principal: Principal,
  id: string,
): Promise<ChainedResponse | undefined> {
  const { rows } = await database.prepared<ChainRow>(
    'find-chained-response',
    `select p.id, p.agent, p.session_id, p.last_seq, r.status
     from responses p left join runs r on r.id = p.run_id and r.agent = p.agent
     where p.id = $1 and p.deleted_at is null and ${ownedBy('$2', '$3', 'p')}`,
    [id, principal.id, callableAgents(principal)],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  return {
    id: row.id,
    agent: row.agent,
    session: row.session_id,
    lastSeq: row.last_seq === null ? undefined : Number(row.last_seq),
    ended: row.status === null || hasEnded({ status: row.status }),
  };
}

/** What was said up to a response, its own answer included: the newest `most` items as they are stored, oldest first. */
export async function readChain(
  database: Database,
  { agent, session, lastSeq }: ChainedResponse,
  most: number,
): Promise<readonly unknown[]> {
  const { rows } = await database.prepared<{ data: unknown }>(
    'read-response-chain',
    `select data from (
       select seq, data from items where session_id = $1 and agent = $2 and seq <= $3 order by seq desc limit $4
     ) newest order by seq`,
    [session, agent, lastSeq ?? 0, most],
  );
  return rows.map(({ data }) => data);
}

interface ChainRow {
  readonly id: string;
  readonly agent: string;
  readonly session_id: string;
  readonly last_seq: string | null;
  readonly status: RunStatus | null;
}

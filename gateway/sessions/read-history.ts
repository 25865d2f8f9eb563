import type { SqlClient } from '../db/pool.ts';

/**
 * What the session of a run said so far: its newest `most` items, oldest first, and in a chat what was delivered to it. []
 * without a session, or when it is another agent's.
 */
export async function readHistory(
  client: SqlClient,
  { session, agent }: { readonly session?: string | undefined; readonly agent: string },
  most: number,
): Promise<readonly unknown[]> {
  if (session === undefined) return [];
  const { rows } = await client.query<{ history: unknown[] }>(
    'select session_history(s, $3) as history from sessions s where s.id = $1 and s.agent is not distinct from $2',
    [session, agent, most],
  );
  return rows[0]?.history ?? [];
}

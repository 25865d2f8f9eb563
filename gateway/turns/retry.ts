import { TalariaError } from '../../core/lib/errors.ts';
import type { Database } from '../db/pool.ts';
import { type Item, isItem } from '../sessions/items.ts';
import type { WaitingTurn } from './wait-for-turn.ts';

/** A history that is to be answered again from its last user message on. */
export interface RetriedHistory {
  /** Up to and including the last user message. */
  readonly history: readonly Item[];
  /** Ids of what followed it. */
  readonly answer: readonly string[];
}

/** Takes the last answer off a history. Throws `invalid_request` when nobody has asked anything in it. */
export function withoutAnswer(stored: readonly unknown[]): RetriedHistory {
  const items = stored.filter(isItem);
  const asked = items.findLastIndex((item) => item.type === 'message' && item.role === 'user');
  if (asked < 0) throw new TalariaError('invalid_request', 'There is no message in this session to answer again.');
  return { history: items.slice(0, asked + 1), answer: items.slice(asked + 1).map(({ id }) => id) };
}

/** Deletes what an answer that is about to be stored takes the place of, while its run is still this worker's. */
export async function dropAnswer(
  database: Database,
  { session, run, lease, resolution }: WaitingTurn,
  { answer }: RetriedHistory,
): Promise<void> {
  await database.query(dropStatement, [session, resolution.agentName, answer, run, lease.id]);
}

const dropStatement = `
  delete from items
  where session_id = $1 and agent = $2 and data ->> 'id' = any($3)
    and exists (select from runs where id = $4 and worker = $5 and session_id = $1 and status = 'running')`;

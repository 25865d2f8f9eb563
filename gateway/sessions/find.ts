import { fromWire } from '../../core/lib/id.ts';
import type { SqlClient } from '../db/pool.ts';

/** A live session and the agent that it belongs to for ever. */
export interface FoundSession {
  readonly id: string;
  readonly agent: string;
}

/** How a client names a session: by the id it was given, or by a name of its own. */
export type SessionRef =
  | { readonly kind: 'id'; readonly id: string }
  /** It has the form of an id and cannot be one. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'name'; readonly name: string };

/** Reads the value of `X-Talaria-Session-Id`. */
export function readSessionRef(value: string): SessionRef {
  if (!value.startsWith('ses_')) return { kind: 'name', name: value };
  const id = fromWire('ses', value);
  return id === undefined ? { kind: 'unknown' } : { kind: 'id', id };
}

/** This principal's live API session, or undefined when there is none or it is another principal's. */
export async function findSession(
  database: SqlClient,
  principal: string,
  ref: SessionRef,
): Promise<FoundSession | undefined> {
  if (ref.kind === 'unknown') return undefined;
  const [column, value] = ref.kind === 'id' ? ['id', ref.id] : ['name', ref.name];
  const { rows } = await database.query<FoundSession>(
    `select id, agent from sessions
     where principal = $1 and ${column} = $2 and platform = 'api' and ended_at is null`,
    [principal, value],
  );
  return rows[0];
}

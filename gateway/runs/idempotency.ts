import { TalariaError } from '../../core/lib/errors.ts';
import { mayCall, type Principal } from '../../core/route/principal.ts';
import type { Hints } from '../db/hints.ts';
import type { Database, SqlClient } from '../db/pool.ts';
import { readRun, type StoredRun } from './read-run.ts';
import { hasEnded } from './run-status.ts';

/** The Idempotency-Key of a request with a hash over everything that the request says. */
export interface Idempotency {
  readonly key: string;
  readonly hash: string;
}

/** What a key has made. Ids are UUIDs. */
export interface RepeatedKey {
  readonly agent: string;
  readonly run: string | undefined;
  readonly session: string | undefined;
}

/**
 * What this principal's key has made within a day, which comes before today's routing; undefined when it is new. Throws
 * `idempotency_conflict` when it came with another request, `agent_forbidden` when the principal may not call the agent of
 * then any more.
 */
export async function findRepeated(
  database: Database,
  principal: Principal,
  { key, hash }: Idempotency,
): Promise<RepeatedKey | undefined> {
  const { rows } = await database.prepared<KeyRow>(
    'find-idempotency-key',
    `select agent, hash, run_id, session_id from idempotency_keys
     where principal = $1 and key = $2 and created_at > talaria_now() - interval '24 hours'`,
    [principal.id, key],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  if (row.hash !== hash) throw idempotencyConflict();
  if (!mayCall(principal, row.agent)) throw leftTheSet();
  return { agent: row.agent, run: row.run_id ?? undefined, session: row.session_id ?? undefined };
}

/** The run (UUID) that the key of a request has made, where it has a key. Throws as `findRepeated` does. */
export async function findRepeatedRun(
  database: Database,
  principal: Principal,
  idempotency: Idempotency | undefined,
): Promise<string | undefined> {
  return idempotency && (await findRepeated(database, principal, idempotency))?.run;
}

/** The run of a repeated request as it is now. Throws `run_not_found` when it was deleted since. */
export async function readRepeated(database: Database, principal: Principal, run: string): Promise<StoredRun> {
  const stored = await readRun(database, principal, run);
  if (stored !== undefined) return stored;
  throw new TalariaError(
    'run_not_found',
    'The run of this Idempotency-Key was deleted. Send the request with a new key to have it run anew.',
  );
}

/**
 * Takes the key for a session (UUIDs) that is about to be made in the same transaction: undefined when it is the caller's
 * now, else the session that the key has made. Waits for a twin that is at it. Throws `idempotency_conflict`.
 */
export async function takeKeyForSession(
  client: SqlClient,
  principal: Principal,
  { key, hash }: Idempotency,
  session: { readonly agent: string; readonly id: string },
): Promise<string | undefined> {
  const { rows } = await client.query<{ principal: string | null; hash: string; session_id: string | null }>(
    'select principal, hash, session_id from take_idempotency_key($1, $2, $3, $4, null, $5)',
    [principal.id, key, session.agent, hash, session.id],
  );
  const taken = rows[0];
  if (taken === undefined || taken.principal === null) return undefined;
  if (taken.hash !== hash || taken.session_id === null) throw idempotencyConflict();
  return taken.session_id;
}

/** The refusal of a request whose Idempotency-Key belongs to another one. */
export function idempotencyConflict(): TalariaError {
  return new TalariaError(
    'idempotency_conflict',
    'This Idempotency-Key came before with another path, body or routing header. Send a new key with a new request.',
    { param: 'idempotency-key' },
  );
}

export interface AwaitOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, 'follow'>;
}

/**
 * The run of a repeated request once it has ended, for which it waits at most 30 s. Throws `idempotency_in_progress`, or
 * `run_not_found` when the run was deleted since.
 */
export async function awaitRepeated(
  { database, hints }: AwaitOptions,
  principal: Principal,
  run: string,
  clientSignal: AbortSignal,
): Promise<StoredRun> {
  const patience = AbortSignal.any([clientSignal, AbortSignal.timeout(patienceMs)]);
  using ends = hints.follow('run', run);
  for (;;) {
    const stored = await readRepeated(database, principal, run);
    if (hasEnded(stored)) return stored;
    clientSignal.throwIfAborted();
    if (patience.aborted) throw inProgress();
    await ends.next(patience);
  }
}

const patienceMs = 30_000;

interface KeyRow {
  readonly agent: string;
  readonly hash: string;
  readonly run_id: string | null;
  readonly session_id: string | null;
}

function leftTheSet(): TalariaError {
  return new TalariaError(
    'agent_forbidden',
    'The first request with this Idempotency-Key ran as an Agent that this API key may not call any more. Send it with a new Idempotency-Key to have it routed anew.',
  );
}

function inProgress(): TalariaError {
  return new TalariaError(
    'idempotency_in_progress',
    'The first request with this Idempotency-Key is still at work. Send it again shortly; nothing is run twice.',
  );
}

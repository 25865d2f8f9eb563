import { newId } from '../../core/lib/id.ts';
import { type Resolution, resolve } from '../../core/route/resolve.ts';
import type { Database } from '../db/pool.ts';
import { checkTargets } from '../delivery/requested-targets.ts';
import { idempotencyConflict } from '../runs/idempotency.ts';
import { type FoundSession, findSession, readSessionRef, type SessionRef } from '../sessions/find.ts';
import { sessionBusy } from '../sessions/refusals.ts';
import { resolveSticky } from '../sessions/sticky.ts';
import type { WorkerLease } from '../worker/lease.ts';
import { type BegunTurn, beginRun, findInterrupted, type SessionTarget, type TurnToBegin } from './begin-turn.ts';
import { refusedAsError } from './refused.ts';
import type { StoredTurnsOptions, TurnRequest } from './turn-request.ts';

/** What a run is begun with. */
export interface Start {
  readonly run: string;
  /** Absent: the run is for a worker in the background. */
  readonly lease?: WorkerLease;
}

export type Begun =
  | {
      readonly kind: 'begun';
      readonly resolution: Resolution;
      /** '' where there is none. */
      readonly session: string;
      /** Absent while the turn waits for others. */
      readonly history?: readonly unknown[];
    }
  /** The Idempotency-Key has made this run before. */
  | { readonly kind: 'twin'; readonly run: string; readonly agent: string };

/**
 * Begins a turn as the agent that owns its session. That agent comes before everything else that resolution knows, but
 * looking it up first would cost a round trip: so a turn of a named session begins as the agent that resolution expects,
 * and begins again when the session turns out to be another's. Throws a refusal, that
 * of the limits included, `invalid_request` when the agent may not write where the result is to go, `session_busy`,
 * `idempotency_conflict` or `state_unavailable`.
 */
export async function beginOnOwner(options: StoredTurnsOptions, request: TurnRequest, start: Start): Promise<Begun> {
  if (request.session.kind === 'header') return await beginNamed(options, request, start, request.session.value);
  const resolution = await resolveTurn(options.database, request, undefined);
  await request.acquire(resolution.agent);
  const begun = await beginOrAbandon(options, turnToBegin(request, start, resolution, targetOf(request)));
  const settled = settle(begun, resolution);
  if (settled !== undefined) return settled;
  // The session ended, or is not this agent's any more than it is this principal's.
  throw refusedAsError(resolve(request.table.routes, { ...request.query, boundMissing: 'session_not_found' }));
}

/** A session that ends and is made again between two looks is tried again; nobody can keep that up. */
const maxAttempts = 4;

async function beginNamed(
  options: StoredTurnsOptions,
  request: TurnRequest,
  start: Start,
  name: string,
): Promise<Begun> {
  const { database, owners } = options;
  const { principal } = request.query;
  const ref = readSessionRef(name);
  const remembered = isGuessEnough(request) ? owners.get(principal.id, name) : undefined;
  let owner = remembered ?? (await lookUpFirst(database, request, ref));
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const resolution = await resolveTurn(database, request, owner);
    await request.acquire(resolution.agent);
    const target = owner ? targetOfOwned(owner, ref) : targetOfRef(ref);
    const begun = await beginOrAbandon(options, turnToBegin(request, start, resolution, target));
    if (begun.kind === 'missing') {
      owners.delete(principal.id, name);
      owner = await lookUpFirst(database, request, ref);
      continue;
    }
    if ('session' in begun) {
      owner = { id: begun.session, agent: begun.kind === 'other_agent' ? begun.agent : resolution.agentName };
      owners.set(principal.id, name, owner);
    }
    const settled = settle(begun, resolution);
    if (settled !== undefined) return settled;
  }
  throw sessionBusy();
}

function settle(begun: BegunTurn, resolution: Resolution): Begun | undefined {
  switch (begun.kind) {
    case 'started':
      return { kind: 'begun', resolution, session: begun.session, history: begun.history };
    case 'queued':
      return { kind: 'begun', resolution, session: begun.session };
    case 'twin':
      return begun;
    case 'busy':
      throw sessionBusy();
    case 'conflict':
      throw idempotencyConflict();
    default:
      return undefined;
  }
}

function turnToBegin(
  request: TurnRequest,
  { lease, run }: Start,
  resolution: Resolution,
  session: SessionTarget,
): TurnToBegin {
  return { request, resolution, session, freshSession: newId(), run, worker: lease?.id };
}

function targetOf({ session }: TurnRequest): SessionTarget {
  switch (session.kind) {
    case 'id':
      return { kind: 'id', id: session.id };
    case 'at':
      return { kind: 'id', id: session.id, seq: session.seq };
    case 'chat':
      return { kind: 'key' };
    default:
      return { kind: session.kind === 'new' ? 'new' : 'none' };
  }
}

/** A session that was found by its name may have been renamed since. */
function targetOfOwned({ id }: FoundSession, ref: SessionRef): SessionTarget {
  return ref.kind === 'name' ? { kind: 'id', id, name: ref.name } : { kind: 'id', id };
}

function targetOfRef(ref: SessionRef): SessionTarget {
  if (ref.kind === 'name') return ref;
  return ref.kind === 'id' ? ref : { kind: 'none' };
}

/** A begin without an answer may have happened: then nobody runs it, and it must not hold its session. */
async function beginOrAbandon(options: StoredTurnsOptions, turn: TurnToBegin): Promise<BegunTurn> {
  const { database, finisher } = options;
  try {
    const begun = await beginRun(database, turn);
    const { sessions } = turn.resolution.agent;
    if (begun.kind === 'queued' && sessions.concurrency === 'Interrupt') await tellInterrupted(options, begun.session);
    return begun;
  } catch (error) {
    if (turn.worker !== undefined) finisher.abandon({ run: turn.run, worker: turn.worker });
    throw error;
  }
}

/** Tells the turns of a session that a newer one takes the place of. Whoever misses it looks after a while. */
async function tellInterrupted({ database, hints }: StoredTurnsOptions, session: string): Promise<void> {
  const runs = await findInterrupted(database, session).catch(() => []);
  for (const run of runs) hints.tell('run', run);
  hints.tell('session', session);
}

/** Where a result may go depends on the agent, so that a wrong guess at it would refuse what is right. */
function isGuessEnough({ deliver = [] }: TurnRequest): boolean {
  return deliver.length === 0;
}

/** A session is looked up before its turn begins only where that cannot begin by a guess; an id must exist. */
async function lookUpFirst(
  database: Database,
  request: TurnRequest,
  ref: SessionRef,
): Promise<FoundSession | undefined> {
  if (ref.kind === 'name' && isGuessEnough(request)) {
    const guess = resolve(request.table.routes, request.query);
    if (guess.kind === 'resolved' && !guess.sticks) return undefined;
  }
  const found = await findSession(database, request.query.principal.id, ref);
  if (found || ref.kind === 'name') return found;
  throw refusedAsError(resolve(request.table.routes, { ...request.query, boundMissing: 'session_not_found' }));
}

async function resolveTurn(
  database: Database,
  request: TurnRequest,
  owner: FoundSession | undefined,
): Promise<Resolution> {
  const { table, query, deliver = [] } = request;
  const resolution = refusedAsError(
    owner
      ? resolve(table.routes, { ...query, bound: { kind: 'session', agent: owner.agent } })
      : await resolveSticky(database, table.routes, query),
  );
  checkTargets(table, resolution.agentName, deliver);
  return resolution;
}

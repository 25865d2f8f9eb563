import { newId } from '../../core/lib/id.ts';
import { type Resolution, type ResolveQuery, resolve } from '../../core/route/resolve.ts';
import type { Database } from '../db/pool.ts';
import type { WorkerLease } from '../runs/lease.ts';
import { type FoundSession, findSession, readSessionRef, type SessionRef } from '../sessions/find.ts';
import type { Item } from '../sessions/items.ts';
import { decideSticky } from '../sessions/sticky.ts';
import { type BegunTurn, beginTurn, type TurnToBegin } from './begin-turn.ts';
import { refusedAsError, sessionBusy } from './refused.ts';
import type { StoredTurnRequest, StoredTurnsOptions } from './turn-request.ts';

/** What a run is begun with. */
export interface Start {
  readonly lease: WorkerLease;
  readonly run: string;
  readonly input: readonly Item[];
}

export interface Begun {
  readonly resolution: Resolution;
  readonly session: string;
  /** Absent while the turn waits for others. */
  readonly history?: readonly unknown[];
}

/**
 * Begins a turn as the agent that owns its session. That agent comes before everything else that resolution knows, but
 * looking it up first would cost a round trip: so the turn begins as the agent that resolution expects, and begins again
 * when the session turns out to be another's. Throws a refusal, `session_busy` or `state_unavailable`.
 */
export async function beginOnOwner(
  options: StoredTurnsOptions,
  request: StoredTurnRequest,
  start: Start,
): Promise<Begun> {
  const { database, owners } = options;
  const { principal } = request.query;
  const ref = readSessionRef(request.sessionId);
  let owner = owners.get(principal.id, request.sessionId) ?? (await lookUpFirst(database, request, ref));
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const resolution = await resolveTurn(database, request, owner);
    const session = owner ? ({ kind: 'id', id: owner.id } as const) : ref;
    const begun = await beginOrAbandon(options, turnToBegin(request, start, resolution, session));
    if (begun.kind === 'busy') throw sessionBusy();
    if (begun.kind === 'missing') {
      owners.delete(principal.id, request.sessionId);
      owner = await lookUpFirst(database, request, ref);
      continue;
    }
    owner = { id: begun.session, agent: begun.kind === 'other_agent' ? begun.agent : resolution.agentName };
    owners.set(principal.id, request.sessionId, owner);
    if (begun.kind === 'started') return { resolution, session: begun.session, history: begun.history };
    if (begun.kind === 'queued') return { resolution, session: begun.session };
  }
  throw sessionBusy();
}

/** A session that ends and is made again between two looks is tried again; nobody can keep that up. */
const maxAttempts = 4;

function turnToBegin(
  { table, query }: StoredTurnRequest,
  { lease, run, input }: Start,
  resolution: Resolution,
  session: SessionRef,
): TurnToBegin {
  const { principal, envelope } = query;
  const { sequence } = table;
  return { resolution, sequence, principal, envelope, session, freshSession: newId(), run, worker: lease.id, input };
}

/** A begin without an answer may have happened: then nobody runs it, and it must not hold its session. */
async function beginOrAbandon({ database, finisher }: StoredTurnsOptions, turn: TurnToBegin): Promise<BegunTurn> {
  try {
    return await beginTurn(database, turn);
  } catch (error) {
    finisher.abandon({ run: turn.run, worker: turn.worker });
    throw error;
  }
}

/** A session is looked up before its turn begins only where that cannot begin by a guess; an id must exist. */
async function lookUpFirst(
  database: Database,
  request: StoredTurnRequest,
  ref: SessionRef,
): Promise<FoundSession | undefined> {
  if (ref.kind === 'name') {
    const guess = resolve(request.table.routes, request.query);
    if (guess.kind === 'resolved' && !guess.sticks) return undefined;
  }
  const found = await findSession(database, request.query.principal.id, ref);
  if (found || ref.kind === 'name') return found;
  throw refusedAsError(resolve(request.table.routes, { ...request.query, boundMissing: 'session_not_found' }));
}

async function resolveTurn(
  database: Database,
  { table, query }: StoredTurnRequest,
  owner: FoundSession | undefined,
): Promise<Resolution> {
  if (owner) return refusedAsError(resolve(table.routes, { ...query, bound: { kind: 'session', agent: owner.agent } }));
  const decide = (asked: ResolveQuery) => resolve(table.routes, asked);
  return refusedAsError(await decideSticky(database, query, decide, (outcome) => outcome));
}

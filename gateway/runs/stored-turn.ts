import { TalariaError } from '../../core/lib/errors.ts';
import { newId } from '../../core/lib/id.ts';
import { type Resolution, type ResolveQuery, resolve } from '../../core/route/resolve.ts';
import type { ChatMessage, TurnParameters, TurnResult } from '../agent/models/port.ts';
import type { RunTurn } from '../agent/turn.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { type FoundSession, findSession, findStickyAgent, readSessionRef, type SessionRef } from '../sessions/find.ts';
import { type MessageItem, toItem, toMessages } from '../sessions/items.ts';
import type { SessionOwners } from '../sessions/owners.ts';
import { type BegunTurn, beginTurn, continueTurn, type TurnToBegin } from './begin-turn.ts';
import type { TurnFinisher } from './finish-turn.ts';
import type { WorkerLease } from './lease.ts';
import { refusedAsError } from './refused.ts';
import type { TurnBell } from './turn-bell.ts';

/** What the turns of sessions share. */
export interface StoredTurnsOptions {
  readonly database: Database;
  readonly lease: () => WorkerLease | undefined;
  readonly owners: SessionOwners;
  readonly finisher: TurnFinisher;
  readonly bell: TurnBell;
  readonly runTurn: RunTurn;
}

/** A request for one turn of the session that `sessionId` (the header's value) names. */
export interface StoredTurnRequest {
  readonly table: Table;
  readonly query: ResolveQuery;
  readonly sessionId: string;
  /** The new turn alone; what was said before comes from the database. */
  readonly input: readonly ChatMessage[];
  readonly parameters: TurnParameters;
  /** Aborts when the client goes away. */
  readonly clientSignal: AbortSignal;
}

/** A turn that has begun. */
export interface StoredTurn {
  readonly resolution: Resolution;
  readonly session: string;
  readonly run: string;
  /** Asks the model and ends the turn, in the database too. Must be called, once. */
  readonly complete: (onDelta?: (text: string) => void | Promise<void>) => Promise<TurnResult>;
}

/** Runs the turns of API sessions. */
export interface StoredTurns {
  /**
   * Begins one turn: finds the session and its agent, resolves, and starts the run or waits until the turns before it are
   * over. Throws TalariaError: the refusal of `resolve`, `session_busy`, `state_unavailable`.
   */
  readonly begin: (request: StoredTurnRequest) => Promise<StoredTurn>;
  /** Resolves once no turn is running, those included whose client has gone. */
  readonly idle: () => Promise<void>;
}

/** Makes StoredTurns; it holds no timer and no connection of its own. */
export function createStoredTurns(options: StoredTurnsOptions): StoredTurns {
  const running = new Set<Promise<unknown>>();
  return {
    begin: async (request) => {
      const turn = await beginStoredTurn(options, request);
      return {
        ...turn,
        complete: (onDelta) => {
          const work = turn.complete(onDelta).finally(() => running.delete(work));
          running.add(work);
          return work;
        },
      };
    },
    idle: async () => {
      await Promise.allSettled([...running]);
    },
  };
}

async function beginStoredTurn(options: StoredTurnsOptions, request: StoredTurnRequest): Promise<StoredTurn> {
  const lease = options.lease();
  if (lease === undefined)
    throw new TalariaError('state_unavailable', 'This gateway cannot store turns at the moment.');
  const run = newId();
  const input = request.input.map(toItem);
  const begun = await beginOnOwner(options, request, { lease, run, input });
  const history = begun.history ?? (await waitForTurn(options, request, begun, lease, run));
  const messages = [...toMessages(history), ...request.input];
  const { resolution, session } = begun;
  return {
    resolution,
    session,
    run,
    complete: (onDelta) =>
      completeTurn(options, request, { resolution, session, run, lease, messages, input, onDelta }),
  };
}

interface Begun {
  readonly resolution: Resolution;
  readonly session: string;
  /** Absent while the turn waits for others. */
  readonly history?: readonly unknown[];
}

interface Start {
  readonly lease: WorkerLease;
  readonly run: string;
  readonly input: readonly MessageItem[];
}

/**
 * A session's agent comes before everything else that resolution knows, but looking it up first would cost a round trip.
 * So the turn begins as the agent that resolution expects, and begins again when the session turns out to be another's.
 */
async function beginOnOwner(options: StoredTurnsOptions, request: StoredTurnRequest, start: Start): Promise<Begun> {
  const { database, owners } = options;
  const { principal } = request.query;
  const ref = readSessionRef(request.sessionId);
  let owner = owners.get(principal.id, request.sessionId) ?? (await lookUpFirst(database, request, ref));
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const resolution = await resolveTurn(database, request, owner);
    const begun = await beginOrAbandon(options, {
      resolution,
      sequence: request.table.sequence,
      principal,
      envelope: request.query.envelope,
      session: owner ? { kind: 'id', id: owner.id } : ref,
      freshSession: newId(),
      run: start.run,
      worker: start.lease.id,
      input: start.input,
    });
    if (begun.kind === 'busy') throw busy();
    if (begun.kind === 'missing') {
      owners.delete(principal.id, request.sessionId);
      owner = await lookUpFirst(database, request, ref);
      continue;
    }
    owner = { id: begun.session, agent: begun.kind === 'other_agent' ? begun.agent : resolution.agentName };
    owners.set(principal.id, request.sessionId, owner);
    if (begun.kind === 'other_agent') continue;
    return { resolution, session: begun.session, ...(begun.kind === 'started' ? { history: begun.history } : {}) };
  }
  throw busy();
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
  const outcome = resolve(table.routes, query);
  if (!outcome.sticks) return refusedAsError(outcome);
  const scope = outcome.kind === 'resolved' ? outcome.sessionScope : undefined;
  const stickyAgent = await findStickyAgent(database, query.envelope, scope);
  return refusedAsError(stickyAgent === undefined ? outcome : resolve(table.routes, { ...query, stickyAgent }));
}

async function waitForTurn(
  options: StoredTurnsOptions,
  request: StoredTurnRequest,
  { resolution, session }: Begun,
  lease: WorkerLease,
  run: string,
): Promise<readonly unknown[]> {
  const { limits, sessions } = resolution.agent;
  const timeout = AbortSignal.timeout(limits.turnTimeoutSeconds * 1_000);
  const signal = AbortSignal.any([request.clientSignal, lease.signal, timeout]);
  try {
    while (!signal.aborted) {
      const outcome = await continueTurn(options.database, run, lease.id, sessions.maxHistoryMessages);
      if (outcome === 'gone') throw new TalariaError('run_interrupted', 'The turn was cancelled while it waited.');
      if (outcome !== 'queued') return outcome;
      await options.bell.heard(session, signal);
    }
  } catch (error) {
    options.finisher.abandon({ run, worker: lease.id });
    throw error;
  }
  await options.finisher.finish({ run, worker: lease.id, ...gaveUp }).catch(() => undefined);
  if (request.clientSignal.aborted) throw request.clientSignal.reason;
  throw busy();
}

const gaveUp = { status: 'cancelled', errorCode: 'session_busy', errorMessage: 'it waited too long' } as const;

interface RunningTurn extends Start, Begun {
  readonly messages: readonly ChatMessage[];
  readonly onDelta: ((text: string) => void | Promise<void>) | undefined;
}

async function completeTurn(
  options: StoredTurnsOptions,
  request: StoredTurnRequest,
  turn: RunningTurn,
): Promise<TurnResult> {
  const { resolution, session, run, lease, messages, onDelta } = turn;
  const cancels = resolution.agent.sessions.onDisconnect === 'Cancel';
  const signal = cancels ? AbortSignal.any([lease.signal, request.clientSignal]) : lease.signal;
  const ending = { run, worker: lease.id };
  try {
    const { table, parameters } = request;
    const result = await options.runTurn({ resolution, table, messages, parameters, signal, onDelta });
    const items = [toItem({ role: 'assistant', content: result.text })];
    const stored = await options.finisher.finish({ ...ending, status: 'completed', items, ...result });
    if (!stored) throw lost();
    return result;
  } catch (error) {
    throw await endUnfinished(options, ending, error, lease);
  } finally {
    options.bell.ring(session);
  }
}

/** Ends a turn that has no answer, and gives the error for its client. */
async function endUnfinished(
  { finisher }: StoredTurnsOptions,
  ending: { readonly run: string; readonly worker: string },
  error: unknown,
  lease: WorkerLease,
): Promise<unknown> {
  if (lease.signal.aborted) return lost();
  const code = error instanceof TalariaError ? error.code : 'internal_error';
  // A finish that could not be written goes on by itself, and one of a run that is lost has nothing to write.
  if (code === 'run_unknown' || code === 'state_unavailable') return error;
  const cancelled = !(error instanceof TalariaError) && error instanceof Error && error.name === 'AbortError';
  const written = finisher.finish({
    ...ending,
    status: cancelled ? 'cancelled' : 'failed',
    errorCode: cancelled ? 'run_interrupted' : code,
    errorMessage: error instanceof TalariaError ? error.message : '',
  });
  await written.catch(() => undefined);
  return error;
}

function lost(): TalariaError {
  return new TalariaError(
    'run_unknown',
    'The gateway lost its hold on this run, so its outcome is unknown. Look at the session before repeating the turn.',
    { effectStarted: true },
  );
}

function busy(): TalariaError {
  return new TalariaError(
    'session_busy',
    'Another turn of this session is in progress. Wait for its answer, or use another session.',
  );
}

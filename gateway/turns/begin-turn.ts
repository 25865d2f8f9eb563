import type { Principal } from '../../core/route/principal.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import { boundSpan } from '../agent/bound-profile.ts';
import type { Database } from '../db/pool.ts';
import { chatUser } from '../sessions/chat-user.ts';
import { storable } from '../sessions/storable.ts';
import { formatTraceparent } from '../tracing/trace-context.ts';
import type { TurnContent, TurnRequest } from './turn-request.ts';

/** The session of a turn, as the database is asked for it. */
export type SessionTarget =
  | { readonly kind: 'none' | 'new' | 'key' }
  /** With a name: while that is still the session's. */
  | { readonly kind: 'id'; readonly id: string; readonly name?: string; readonly seq?: number }
  | { readonly kind: 'name'; readonly name: string };

/** One turn that wants to begin. */
export interface TurnToBegin {
  readonly request: TurnRequest;
  /** The agent it runs as, and the proof that it may. */
  readonly resolution: Resolution;
  readonly session: SessionTarget;
  /** UUID for the session, if it has to be made. */
  readonly freshSession: string;
  readonly run: string;
  /** Absent: the turn is for any worker, in the background. */
  readonly worker?: string | undefined;
}

export type BegunTurn =
  /** `session` is '' where there is none. */
  | { readonly kind: 'started'; readonly session: string; readonly history: readonly unknown[] }
  /** Another turn of the session is active, or the turn is for the background. */
  | { readonly kind: 'queued'; readonly session: string }
  | { readonly kind: 'busy' }
  /** Nothing was written: the session belongs to this agent. */
  | { readonly kind: 'other_agent'; readonly session: string; readonly agent: string }
  | { readonly kind: 'missing' }
  /** Nothing was written: the Idempotency-Key has made this run of this agent. */
  | { readonly kind: 'twin'; readonly run: string; readonly agent: string }
  /** Nothing was written: the Idempotency-Key belongs to another request. */
  | { readonly kind: 'conflict' };

/** How many turns may wait for one session; the next is refused. */
const mostWaiting = 16;

/** Locks the session, makes it where it may be made, and starts or queues the run, in one round trip. */
export async function beginRun(database: Database, turn: TurnToBegin): Promise<BegunTurn> {
  const { request, resolution, session } = turn;
  const { agent } = resolution;
  const { envelope, principal } = request.query;
  const isChat = request.session.kind === 'chat';
  const { rows } = await database.prepared<BeginRow>('begin_run', beginStatement, [
    session.kind,
    session.kind === 'id' ? session.id : null,
    session.kind === 'name' || session.kind === 'id' ? (session.name ?? '') : '',
    turn.freshSession,
    agent.name,
    agent.uid,
    agent.generation,
    request.table.sequence,
    resolution.route ?? '',
    resolution.rule ?? '',
    isChat ? 'chat' : 'api',
    isChat ? '' : principal.id,
    isChat ? envelope.platform : 'api',
    envelope.account,
    envelope.chatType,
    envelope.chatId,
    envelope.threadId,
    isChat ? chatUser(envelope, resolution) : envelope.userId,
    turn.run,
    turn.worker ?? null,
    JSON.stringify(storedInput(turn)),
    turn.worker !== undefined,
    agent.sessions.concurrency,
    mostWaiting,
    agent.sessions.maxHistoryMessages,
    agent.sessions.idleResetSeconds ?? null,
    request.idempotency?.key ?? '',
    request.idempotency?.hash ?? '',
    session.kind === 'id' ? (session.seq ?? null) : null,
    request.response?.id ?? null,
    request.response?.previous ?? null,
    request.response === undefined ? null : JSON.stringify(request.response.request),
  ]);
  return toBegun(rows[0]);
}

/** Starts a queued run when it is its turn; gives the history then, `queued` before, `gone` when it was cancelled. */
export async function continueRun(
  database: Database,
  run: string,
  worker: string,
  maxHistory: number,
): Promise<readonly unknown[] | 'queued' | 'gone'> {
  const { rows } = await database.prepared<{ outcome: string; history: unknown[] | null }>(
    'continue_run',
    'select outcome, history from continue_run($1, $2, $3)',
    [run, worker, maxHistory],
  );
  const row = rows[0];
  if (row?.outcome === 'started') return row.history ?? [];
  return row?.outcome === 'queued' ? 'queued' : 'gone';
}

/** The runs of a session that stop, or were cancelled just now, because a newer one takes their place. */
export async function findInterrupted(database: Database, session: string): Promise<readonly string[]> {
  const { rows } = await database.prepared<{ id: string }>('find-interrupted', interruptedStatement, [session]);
  return rows.map(({ id }) => id);
}

const interruptedStatement = `
  select id from runs
  where session_id = $1 and (status = 'stopping'
    or (status = 'cancelled' and error_code = 'run_interrupted' and finished_at > talaria_now() - interval '10 seconds'))`;

const beginStatement = `
  select outcome, found_session, session_agent, history, first_run
  from begin_run(${Array.from({ length: 32 }, (_, at) => `$${at + 1}`).join(', ')})`;

/** A turn of an open request is run from memory; what a worker in the background needs is stored, as it can be. */
function storedInput({ request, worker }: TurnToBegin): object {
  const { input, context, instructions, tools, parameters, deliver, query } = request;
  const span = boundSpan();
  const trace = span && formatTraceparent(span.context);
  if (worker !== undefined) return { items: input, trace };
  const { limits } = query.principal;
  const stored: StoredContent = { items: input, context, instructions, tools, parameters, deliver, limits, trace };
  return storable(stored) as StoredContent;
}

/** `runs.input` of a run in the background. */
export interface StoredContent extends Omit<TurnContent, 'input'> {
  readonly items: TurnContent['input'];
  /** Those of the key that asked for it. */
  readonly limits: Principal['limits'];
  /** Where the request is in a trace, as `traceparent`; absent where nothing is traced. */
  readonly trace?: string | undefined;
}

interface BeginRow {
  readonly outcome: BegunTurn['kind'];
  readonly found_session: string | null;
  readonly session_agent: string;
  readonly history: unknown[] | null;
  readonly first_run: string | null;
}

function toBegun(row: BeginRow | undefined): BegunTurn {
  const session = row?.found_session ?? '';
  switch (row?.outcome) {
    case 'started':
      return { kind: 'started', session, history: row.history ?? [] };
    case 'queued':
      return { kind: 'queued', session };
    case 'other_agent':
      return { kind: 'other_agent', session, agent: row.session_agent };
    case 'twin':
      return { kind: 'twin', run: row.first_run ?? '', agent: row.session_agent };
    case 'busy':
    case 'conflict':
      return { kind: row.outcome };
    default:
      return { kind: 'missing' };
  }
}

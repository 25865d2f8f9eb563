import type { Envelope } from '../../core/route/envelope.ts';
import type { Principal } from '../../core/route/principal.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import type { Database } from '../db/pool.ts';
import type { SessionRef } from '../sessions/find.ts';
import type { Item } from '../sessions/items.ts';

/** One turn that wants to begin. */
export interface TurnToBegin {
  /** The agent it runs as, and the proof that it may. */
  readonly resolution: Resolution;
  /** Sequence of the snapshot that resolved it. */
  readonly sequence: number;
  readonly principal: Principal;
  readonly envelope: Envelope;
  readonly session: SessionRef;
  /** UUID for the session, if it has to be made. */
  readonly freshSession: string;
  readonly run: string;
  readonly worker: string;
  readonly input: readonly Item[];
}

export type BegunTurn =
  | { readonly kind: 'started'; readonly session: string; readonly history: readonly unknown[] }
  /** Another turn of the session is active; `continueTurn` starts this one when its time has come. */
  | { readonly kind: 'queued'; readonly session: string }
  | { readonly kind: 'busy' }
  /** Nothing was written: the session belongs to this agent. */
  | { readonly kind: 'other_agent'; readonly session: string; readonly agent: string }
  | { readonly kind: 'missing' };

/** How many turns may wait for one session; the next is refused. */
const mostWaiting = 16;

/** Locks the session, makes it when its name is free, and starts or queues the run, in one round trip. */
export async function beginTurn(database: Database, turn: TurnToBegin): Promise<BegunTurn> {
  const { resolution, envelope, session } = turn;
  const { agent } = resolution;
  const { rows } = await database.prepared<BeginRow>(
    'begin_turn',
    `select outcome, session_id, session_agent, history
     from begin_turn($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
    [
      session.kind === 'id' ? session.id : null,
      session.kind === 'name' ? session.name : '',
      turn.freshSession,
      agent.name,
      agent.uid,
      agent.generation,
      turn.sequence,
      resolution.route ?? '',
      resolution.rule ?? '',
      turn.principal.id,
      envelope.chatId,
      envelope.threadId,
      envelope.userId,
      turn.run,
      turn.worker,
      JSON.stringify({ items: turn.input }),
      agent.sessions.concurrency !== 'Reject',
      mostWaiting,
      agent.sessions.maxHistoryMessages,
    ],
  );
  return toBegun(rows[0]);
}

/** Starts a queued run when it is its turn; gives the history then, `queued` before, `gone` when it was cancelled. */
export async function continueTurn(
  database: Database,
  run: string,
  worker: string,
  maxHistory: number,
): Promise<readonly unknown[] | 'queued' | 'gone'> {
  const { rows } = await database.prepared<{ outcome: string; history: unknown[] | null }>(
    'continue_turn',
    'select outcome, history from continue_turn($1, $2, $3)',
    [run, worker, maxHistory],
  );
  const row = rows[0];
  if (row?.outcome === 'started') return row.history ?? [];
  return row?.outcome === 'queued' ? 'queued' : 'gone';
}

interface BeginRow {
  readonly outcome: BegunTurn['kind'];
  readonly session_id: string | null;
  readonly session_agent: string;
  readonly history: unknown[] | null;
}

function toBegun(row: BeginRow | undefined): BegunTurn {
  const session = row?.session_id ?? '';
  switch (row?.outcome) {
    case 'started':
      return { kind: 'started', session, history: row.history ?? [] };
    case 'queued':
      return { kind: 'queued', session };
    case 'other_agent':
      return { kind: 'other_agent', session, agent: row.session_agent };
    case 'busy':
      return { kind: 'busy' };
    default:
      return { kind: 'missing' };
  }
}

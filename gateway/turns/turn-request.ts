import type { ResolveQuery } from '../../core/route/resolve.ts';
import type { FunctionTool, TurnParameters } from '../agent/models/port.ts';
import type { RunTurn } from '../agent/turn.ts';
import type { Table } from '../config/table.ts';
import type { Hints } from '../db/hints.ts';
import type { Database } from '../db/pool.ts';
import type { RequestedTarget } from '../delivery/outbox.ts';
import type { AcquirePermit } from '../limits/request-permit.ts';
import type { Idempotency } from '../runs/idempotency.ts';
import type { Item } from '../sessions/items.ts';
import type { SessionOwners } from '../sessions/owners.ts';
import type { WorkerLease } from '../worker/lease.ts';
import type { ActiveTurns } from './active-turns.ts';
import type { TurnFinisher } from './finish-turn.ts';

/** What stored turns share. */
export interface StoredTurnsOptions {
  readonly database: Database;
  /** The lease that is held now. */
  readonly lease: () => WorkerLease | undefined;
  readonly owners: SessionOwners;
  readonly finisher: TurnFinisher;
  readonly hints: Pick<Hints, 'tell' | 'follow'>;
  readonly active: ActiveTurns;
  readonly runTurn: RunTurn;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Which session a turn belongs to. */
export type SessionChoice =
  /** None: the turn is a run of its own, and what was said before is `context`. */
  | { readonly kind: 'none' }
  /** The one that `X-Talaria-Session-Id` names: an id, or the client's own name, made when it is free. */
  | { readonly kind: 'header'; readonly value: string }
  /** This one, whose agent is known; the query is bound to it. */
  | { readonly kind: 'id'; readonly id: string }
  /** This one as it was at item `seq`: a fork, when it has gone on since or is at work. The query is bound to its agent. */
  | { readonly kind: 'at'; readonly id: string; readonly seq: number }
  /** A session without a name, made now. */
  | { readonly kind: 'new' }
  /** The one of the envelope's chat, with the user where the scope is `User`: the run is one of the chat platform. */
  | { readonly kind: 'chat' };

/** Everything about a turn but how it is answered. It can be stored, so that a worker in the background takes it. */
export interface TurnContent {
  /** The new turn alone; what was said before comes from the session. */
  readonly input: readonly Item[];
  /** What was said before, of a run without a session. */
  readonly context?: readonly Item[] | undefined;
  /** The client's own instructions, after those of the agent, for this turn alone. */
  readonly instructions?: string | undefined;
  /** The client's functions. */
  readonly tools: readonly FunctionTool[];
  readonly parameters: TurnParameters;
  /** Where the result is sent, when the run completes. */
  readonly deliver?: readonly RequestedTarget[] | undefined;
}

/** A request for one turn. */
export interface TurnRequest extends TurnContent {
  readonly table: Table;
  readonly query: ResolveQuery;
  readonly session: SessionChoice;
  /** Keeps the limits of agent and key, as soon as the agent is known. */
  readonly acquire: AcquirePermit;
  /** Answers the last user message of the session again, in the place of its last answer; then there is no input. */
  readonly retry?: boolean | undefined;
  /** Makes a repeated request give what the first one did. */
  readonly idempotency?: Idempotency | undefined;
  /** Makes a response of the run. */
  readonly response?: NewResponse | undefined;
}

/** A response that is to be stored with its run. Ids are UUIDs. */
export interface NewResponse {
  readonly id: string;
  readonly previous?: string | undefined;
  /** The fields of the request that the response repeats. */
  readonly request: object;
}

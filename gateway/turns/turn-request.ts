import type { ResolveQuery } from '../../core/route/resolve.ts';
import type { ChatMessage, FunctionTool, TurnParameters } from '../agent/models/port.ts';
import type { RunTurn } from '../agent/turn.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import type { WorkerLease } from '../runs/lease.ts';
import type { SessionOwners } from '../sessions/owners.ts';
import type { TurnFinisher } from './finish-turn.ts';
import type { TurnBell } from './turn-bell.ts';

/** What the turns of sessions share. */
export interface StoredTurnsOptions {
  readonly database: Database;
  /** The lease that is held now. */
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
  /** The client's functions. */
  readonly tools: readonly FunctionTool[];
  readonly parameters: TurnParameters;
  /** Aborts when the client goes away. */
  readonly clientSignal: AbortSignal;
}

import { TalariaError } from '../../core/lib/errors.ts';
import type { Refusal } from '../../core/route/outcome.ts';
import { type Resolution, type ResolveQuery, resolve } from '../../core/route/resolve.ts';
import type { ChatMessage, FunctionTool, TurnParameters } from '../agent/models/port.ts';
import type { RunTurn, TurnResult } from '../agent/turn.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import type { AcquirePermit } from '../limits/request-permit.ts';
import { resolveSticky } from '../sessions/sticky.ts';
import type { Following } from './complete-turn.ts';
import { refusedAsError } from './refused.ts';

/** A turn whose whole context is in the request; nothing of it is kept. */
export interface StatelessRequest {
  readonly table: Table;
  readonly query: ResolveQuery;
  readonly messages: readonly ChatMessage[];
  /** The client's own, after those of the agent. */
  readonly instructions?: string | undefined;
  /** The client's functions. */
  readonly tools: readonly FunctionTool[];
  readonly parameters: TurnParameters;
  /** Aborts when the client goes away, which ends the turn. */
  readonly clientSignal: AbortSignal;
  readonly acquire: AcquirePermit;
}

export interface StatelessTurn {
  readonly resolution: Resolution;
  readonly complete: (following?: Following) => Promise<TurnResult>;
}

/** Runs turns that need no database. */
export interface StatelessTurns {
  /** Resolves and takes the permit; throws a refusal as TalariaError. */
  readonly begin: (request: StatelessRequest) => Promise<StatelessTurn>;
}

export interface StatelessTurnsOptions {
  /** Asked only for conversations under a rule that splits, and only while it is known to answer. */
  readonly database: Database;
  readonly isStateAvailable: () => boolean;
  readonly runTurn: RunTurn;
}

/** Makes StatelessTurns. */
export function createStatelessTurns(options: StatelessTurnsOptions): StatelessTurns {
  return {
    begin: async ({ table, query, messages, instructions, tools, parameters, clientSignal, acquire }) => {
      const resolved = resolveTurn(options, table, query);
      const resolution = refusedAsError(resolved instanceof Promise ? await resolved : resolved);
      const acquiring = acquire(resolution.agent);
      if (acquiring instanceof Promise) await acquiring;
      return {
        resolution,
        complete: (following) =>
          options.runTurn({
            resolution,
            table,
            messages,
            instructions,
            tools,
            parameters,
            signal: clientSignal,
            ...following,
          }),
      };
    },
  };
}

/** Resolves at once, unless the rule splits and the database answers. */
function resolveTurn(
  { database, isStateAvailable }: StatelessTurnsOptions,
  { routes }: Table,
  query: ResolveQuery,
): Resolution | Refusal | Promise<Resolution | Refusal> {
  const first = resolve(routes, query);
  if (!first.sticks || !isStateAvailable()) return first;
  return resolveSticky(database, routes, query, first).catch((error) => {
    // Without the database the hash of the conversation decides, so that stateless agents keep serving.
    if (error instanceof TalariaError && error.code === 'state_unavailable') return first;
    throw error;
  });
}

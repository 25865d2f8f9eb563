import { TalariaError } from '../../core/lib/errors.ts';
import { type Resolution, type ResolveQuery, resolve } from '../../core/route/resolve.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { refusedAsError } from '../runs/refused.ts';
import { findStickyAgent } from '../sessions/find.ts';
import type { ChatMessage, TurnParameters, TurnResult } from './models/port.ts';
import type { RunTurn } from './turn.ts';

/** A turn whose whole context is in the request; nothing of it is kept. */
export interface StatelessRequest {
  readonly table: Table;
  readonly query: ResolveQuery;
  readonly messages: readonly ChatMessage[];
  readonly parameters: TurnParameters;
  /** Aborts when the client goes away, which ends the turn. */
  readonly clientSignal: AbortSignal;
}

export interface StatelessTurn {
  readonly resolution: Resolution;
  readonly complete: (onDelta?: (text: string) => void | Promise<void>) => Promise<TurnResult>;
}

/** Runs turns that need no database. */
export interface StatelessTurns {
  /** Resolves; throws its refusal as TalariaError. */
  readonly begin: (request: StatelessRequest) => Promise<StatelessTurn>;
}

/** Makes StatelessTurns. `database` is asked only for conversations under a rule that splits. */
export function createStatelessTurns(options: {
  readonly database: Database;
  readonly runTurn: RunTurn;
}): StatelessTurns {
  return {
    begin: async ({ table, query, messages, parameters, clientSignal }) => {
      const outcome = resolve(table.routes, query);
      const resolution = outcome.sticks
        ? await resolveSticky(options.database, table, query, outcome)
        : refusedAsError(outcome);
      return {
        resolution,
        complete: (onDelta) =>
          options.runTurn({ resolution, table, messages, parameters, signal: clientSignal, onDelta }),
      };
    },
  };
}

/** Without the database the hash of the conversation decides, so that stateless agents keep serving. */
async function resolveSticky(
  database: Database,
  table: Table,
  query: ResolveQuery,
  outcome: ReturnType<typeof resolve>,
): Promise<Resolution> {
  const scope = outcome.kind === 'resolved' ? outcome.sessionScope : undefined;
  const stickyAgent = await findStickyAgent(database, query.envelope, scope).catch((error: unknown) => {
    if (error instanceof TalariaError && error.code === 'state_unavailable') return undefined;
    throw error;
  });
  return refusedAsError(stickyAgent === undefined ? outcome : resolve(table.routes, { ...query, stickyAgent }));
}

import { TalariaError } from '../../core/lib/errors.ts';
import { newId } from '../../core/lib/id.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import type { OnTurnEvent } from '../agent/steps.ts';
import type { TurnResult } from '../agent/turn.ts';
import { toItems, toMessages } from '../sessions/items.ts';
import { beginOnOwner } from './begin-on-owner.ts';
import { completeTurn } from './complete-turn.ts';
import type { StoredTurnRequest, StoredTurnsOptions } from './turn-request.ts';
import { waitForTurn } from './wait-for-turn.ts';

/** A turn that has begun. */
export interface StoredTurn {
  readonly resolution: Resolution;
  readonly session: string;
  readonly run: string;
  /** Asks the model and ends the turn, in the database too. Must be called, once. */
  readonly complete: (onEvent?: OnTurnEvent) => Promise<TurnResult>;
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
      const turn = await begin(options, request);
      return {
        ...turn,
        complete: (onEvent) => {
          const work = turn.complete(onEvent).finally(() => running.delete(work));
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

async function begin(options: StoredTurnsOptions, request: StoredTurnRequest): Promise<StoredTurn> {
  const lease = options.lease();
  if (!lease) throw cannotStore();
  const run = newId();
  const begun = await beginOnOwner(options, request, { lease, run, input: request.input.flatMap(toItems) });
  const history = begun.history ?? (await waitForTurn(options, { ...begun, run, lease }, request.clientSignal));
  const { resolution, session } = begun;
  const turn = { resolution, session, run, lease, messages: [...toMessages(history), ...request.input] };
  return { resolution, session, run, complete: (onEvent) => completeTurn(options, request, turn, onEvent) };
}

function cannotStore(): TalariaError {
  return new TalariaError(
    'state_unavailable',
    'This gateway cannot store turns at the moment: the database does not answer it. Try again shortly, or leave X-Talaria-Session-Id out for a stateless turn.',
  );
}

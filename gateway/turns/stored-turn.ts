import { TalariaError } from '../../core/lib/errors.ts';
import { newId } from '../../core/lib/id.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import type { TurnResult } from '../agent/turn.ts';
import { beginOnOwner } from './begin-on-owner.ts';
import { completeTurn, type Following } from './complete-turn.ts';
import type { TurnEnding } from './finish-turn.ts';
import { coherent } from './history.ts';
import type { StoredTurnsOptions, TurnRequest } from './turn-request.ts';
import { waitForTurn } from './wait-for-turn.ts';

/** A turn that has begun. */
export interface StoredTurn {
  readonly kind: 'turn';
  readonly resolution: Resolution;
  /** UUID; '' where the turn has no session. */
  readonly session: string;
  /** UUID. */
  readonly run: string;
  /** Asks the model and ends the turn, in the database too. Must be called, once. */
  readonly complete: (following?: Following) => Promise<TurnResult>;
}

/** The Idempotency-Key of the request has made this run (UUID) of this agent before. */
export interface RepeatedTurn {
  readonly kind: 'repeated';
  readonly run: string;
  readonly agent: string;
}

/** A turn that a worker in the background will take. Ids are UUIDs, `session` '' where there is none. */
export interface SubmittedTurn {
  readonly kind: 'submitted';
  readonly resolution: Resolution;
  readonly session: string;
  readonly run: string;
}

/** Runs turns that are stored. */
export interface StoredTurns {
  /**
   * Begins one turn: finds the session and its agent, resolves, and starts the run or waits until the turns before it are
   * over. `clientSignal` aborts when the client goes away. Throws TalariaError: the refusal of `resolve`, `session_busy`,
   * `run_interrupted`, `idempotency_conflict`, `state_unavailable`.
   */
  readonly begin: (request: TurnRequest, clientSignal: AbortSignal) => Promise<StoredTurn | RepeatedTurn>;
  /** Stores one turn for the background; durable once it resolves. Throws as `begin` does. */
  readonly submit: (request: TurnRequest) => Promise<SubmittedTurn | RepeatedTurn>;
  /** Resolves once no turn is running, those included whose client has gone. */
  readonly idle: () => Promise<void>;
}

/** Makes StoredTurns; it holds no timer and no connection of its own. */
export function createStoredTurns(options: StoredTurnsOptions): StoredTurns {
  const running = new Set<Promise<unknown>>();
  return {
    begin: async (request, clientSignal) => {
      const turn = await begin(options, request, clientSignal);
      if (turn.kind === 'repeated') return turn;
      return {
        ...turn,
        complete: (following) => {
          const work = turn.complete(following).finally(() => running.delete(work));
          running.add(work);
          return work;
        },
      };
    },
    submit: (request) => submit(options, request),
    idle: async () => {
      await Promise.allSettled([...running]);
    },
  };
}

async function begin(
  options: StoredTurnsOptions,
  request: TurnRequest,
  clientSignal: AbortSignal,
): Promise<StoredTurn | RepeatedTurn> {
  const lease = options.lease();
  if (!lease) throw cannotStore();
  const run = newId();
  // Before it begins, so that no stop is missed.
  const stop = options.active.enter(run);
  try {
    const begun = await beginOnOwner(options, request, { lease, run });
    if (begun.kind === 'twin') {
      stop.leave();
      return { kind: 'repeated', run: begun.run, agent: begun.agent };
    }
    const { resolution, session } = begun;
    const waiting = { resolution, session, run, lease, about: aboutTurn(request, begun) };
    const history = begun.history ?? (await waitForTurn(options, waiting, clientSignal));
    const turn = { ...waiting, history, clientSignal, stop };
    const complete = (following: Following = {}) => completeTurn(options, request, turn, following);
    return { kind: 'turn', resolution, session, run, complete };
  } catch (error) {
    stop.leave();
    throw error;
  }
}

/** Whose the turn is, for the audit record of its end. */
function aboutTurn(
  { session: { kind }, query }: TurnRequest,
  { resolution, session }: Pick<StoredTurn, 'resolution' | 'session'>,
): TurnEnding['about'] {
  const agent = resolution.agent.name;
  return kind === 'chat'
    ? { agent, session, trigger: 'chat' }
    : { agent, session, trigger: 'api', principal: query.principal.id };
}

async function submit(options: StoredTurnsOptions, request: TurnRequest): Promise<SubmittedTurn | RepeatedTurn> {
  // Sooner than the worker would say it; the session's own calls are its history's to know.
  if (request.session.kind === 'none') coherent([...(request.context ?? []), ...request.input]);
  const run = newId();
  const begun = await beginOnOwner(options, request, { run }).catch((error: unknown) => {
    throw request.idempotency === undefined ? perhapsAccepted(error) : error;
  });
  if (begun.kind === 'twin') return { kind: 'repeated', run: begun.run, agent: begun.agent };
  options.hints.tell('queue', '');
  return { kind: 'submitted', resolution: begun.resolution, session: begun.session, run };
}

/** The answer to a begin that was lost leaves a run that a worker takes: without a key to know it by, it must not be sent again. */
function perhapsAccepted(error: unknown): unknown {
  if (!(error instanceof TalariaError) || error.code !== 'state_unavailable') return error;
  return new TalariaError(
    'state_unavailable',
    'The database went away while the run was stored, so it may have been accepted. See GET /v1/runs before you send it again, or send it with an Idempotency-Key.',
    { cause: error, effectStarted: true },
  );
}

function cannotStore(): TalariaError {
  return new TalariaError(
    'state_unavailable',
    'This gateway cannot store turns at the moment: the database does not answer it. Try again shortly, or send a stateless turn: a chat completion without X-Talaria-Session-Id, or a response with store: false, and no Idempotency-Key.',
  );
}

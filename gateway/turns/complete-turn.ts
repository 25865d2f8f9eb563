import { TalariaError } from '../../core/lib/errors.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import type { OnUsage } from '../agent/count-usage.ts';
import type { OnTurnEvent } from '../agent/steps.ts';
import type { TurnResult } from '../agent/turn.ts';
import { RunStopped } from '../runs/request-stop.ts';
import { runError } from '../runs/run-error.ts';
import { toMessages } from '../sessions/items.ts';
import type { WorkerLease } from '../worker/lease.ts';
import type { EnteredTurn } from './active-turns.ts';
import type { TurnEnding } from './finish-turn.ts';
import { conversation } from './history.ts';
import { completedOutcome, endingOf } from './outcome.ts';
import { createProgress, type Progress } from './progress.ts';
import { withoutAnswer } from './retry.ts';
import type { StoredTurnsOptions, TurnRequest } from './turn-request.ts';

/** A run that is active. */
export interface RunningTurn {
  readonly resolution: Resolution;
  readonly session: string;
  readonly run: string;
  readonly lease: WorkerLease;
  readonly about: TurnEnding['about'];
  /** What was said before, as it is stored. */
  readonly history: readonly unknown[];
  /** Aborts when the client goes away. */
  readonly clientSignal: AbortSignal;
  readonly stop: EnteredTurn;
}

/** How a turn is followed. */
export interface Following {
  /** Absent, the answer is wanted whole. */
  readonly onEvent?: OnTurnEvent | undefined;
  /** Told what each call of a model used, however the turn ends. */
  readonly onUsage?: OnUsage | undefined;
}

/**
 * Asks the model and ends the run, whatever comes of it: an answer counts once it is stored. Throws TalariaError, among
 * them `run_interrupted` when the run was asked to stop, whose partial answer is kept, and `run_unknown` when the run was
 * taken from this worker; or the signal's reason when the client went away and the agent does not go on without it.
 */
export async function completeTurn(
  options: StoredTurnsOptions,
  request: TurnRequest,
  turn: RunningTurn,
  { onEvent, onUsage }: Following,
): Promise<TurnResult> {
  const { resolution, run, lease, stop } = turn;
  const { agent } = resolution;
  const ends = [lease.signal, stop.signal];
  const signal = AbortSignal.any(agent.sessions.onDisconnect === 'Cancel' ? [...ends, turn.clientSignal] : ends);
  // An answer that may be interrupted is streamed, so that a part of it is there to keep.
  const streams = onEvent !== undefined || agent.sessions.concurrency === 'Interrupt';
  const progress = createProgress(onEvent);
  try {
    const retried = request.retry === true ? withoutAnswer(turn.history) : undefined;
    const result = await options.runTurn({
      resolution,
      table: request.table,
      run,
      session: turn.session,
      messages: toMessages(conversation(retried?.history ?? turn.history, agent, request)),
      instructions: request.instructions,
      tools: request.tools,
      parameters: request.parameters,
      signal,
      streams,
      onEvent: progress.onEvent,
      onUsage,
    });
    const outcome = completedOutcome({ id: run, agent: agent.name }, request, result, options.now());
    const ending = { run, worker: lease.id, ...outcome, replaces: retried?.answer, about: turn.about };
    if (!(await options.finisher.finish(ending))) throw runLost();
    return result;
  } catch (error) {
    throw await endWithoutAnswer(options, turn, progress, error);
  } finally {
    stop.leave();
    if (request.idempotency !== undefined) options.hints.tell('run', run);
  }
}

function runLost(): TalariaError {
  return runError('run_unknown', 'the gateway lost its hold on it');
}

/** Ends the run and gives the error for its client. */
async function endWithoutAnswer(
  { finisher }: StoredTurnsOptions,
  { run, lease, about }: RunningTurn,
  progress: Progress,
  error: unknown,
): Promise<unknown> {
  if (lease.signal.aborted) return runLost();
  const code = error instanceof TalariaError ? error.code : 'internal_error';
  // A finish that could not be written yet goes on by itself, and one of a run that is lost has nothing to write.
  if (code === 'run_unknown' || code === 'state_unavailable') return error;
  const outcome = error instanceof Error && error.name === 'AbortError' ? clientGone : endingOf(error, progress);
  await finisher.finish({ run, worker: lease.id, ...outcome, about }).catch(() => undefined);
  return error instanceof RunStopped ? runError('run_interrupted', error.message) : error;
}

const clientGone = {
  status: 'cancelled',
  errorCode: 'run_interrupted',
  errorMessage: 'the client went away',
} as const;

import { TalariaError } from '../../core/lib/errors.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import type { ChatMessage } from '../agent/models/port.ts';
import type { OnTurnEvent } from '../agent/steps.ts';
import type { TurnResult } from '../agent/turn.ts';
import type { WorkerLease } from '../runs/lease.ts';
import { spokenText } from '../sessions/items.ts';
import type { StoredTurnRequest, StoredTurnsOptions } from './turn-request.ts';

/** A run that is active. */
export interface RunningTurn {
  readonly resolution: Resolution;
  readonly session: string;
  readonly run: string;
  readonly lease: WorkerLease;
  /** History and input. */
  readonly messages: readonly ChatMessage[];
}

/**
 * Asks the model and ends the run, whatever comes of it: an answer counts once it is stored. Throws TalariaError, among
 * them `run_unknown` when the run was taken from this worker, or the signal's reason when the client went away and the
 * agent does not go on without it.
 */
export async function completeTurn(
  options: StoredTurnsOptions,
  { table, tools, parameters, clientSignal }: StoredTurnRequest,
  turn: RunningTurn,
  onEvent: OnTurnEvent | undefined,
): Promise<TurnResult> {
  const { resolution, run, lease, messages } = turn;
  const cancels = resolution.agent.sessions.onDisconnect === 'Cancel';
  const signal = cancels ? AbortSignal.any([lease.signal, clientSignal]) : lease.signal;
  try {
    const result = await options.runTurn({ resolution, table, messages, tools, parameters, signal, onEvent });
    const text = spokenText(result.output);
    const ending = { run, worker: lease.id, status: 'completed', text, ...result } as const;
    if (!(await options.finisher.finish(ending))) throw lost();
    return result;
  } catch (error) {
    throw await endWithoutAnswer(options, turn, error);
  } finally {
    options.bell.ring(turn.session);
  }
}

/** Ends the run and gives the error for its client. */
async function endWithoutAnswer(
  { finisher }: StoredTurnsOptions,
  { run, lease }: RunningTurn,
  error: unknown,
): Promise<unknown> {
  if (lease.signal.aborted) return lost();
  const code = error instanceof TalariaError ? error.code : 'internal_error';
  // A finish that could not be written yet goes on by itself, and one of a run that is lost has nothing to write.
  if (code === 'run_unknown' || code === 'state_unavailable') return error;
  const cancelled = error instanceof Error && error.name === 'AbortError';
  const ending = cancelled
    ? ({ status: 'cancelled', errorCode: 'run_interrupted', errorMessage: 'the client went away' } as const)
    : ({
        status: 'failed',
        errorCode: code,
        errorMessage: error instanceof TalariaError ? error.message : '',
      } as const);
  await finisher.finish({ run, worker: lease.id, ...ending }).catch(() => undefined);
  return error;
}

function lost(): TalariaError {
  return new TalariaError(
    'run_unknown',
    'The gateway lost its hold on this run, so its outcome is unknown. Look at the session before repeating the turn.',
    { effectStarted: true },
  );
}

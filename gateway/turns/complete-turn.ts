import { TalariaError } from '../../core/lib/errors.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import type { OnUsage } from '../agent/count-usage.ts';
import type { OnTurnEvent } from '../agent/steps.ts';
import type { TurnResult } from '../agent/turn.ts';
import { type OutboxRow, requestOutboxRows } from '../delivery/outbox.ts';
import { RunStopped } from '../runs/request-stop.ts';
import { finalText, type Item, toMessages } from '../sessions/items.ts';
import type { WorkerLease } from '../worker/lease.ts';
import type { EnteredTurn } from './active-turns.ts';
import type { TurnEnding } from './finish-turn.ts';
import { answerOpenCalls, boundHistory, orphanResults } from './history.ts';
import { createProgress, type Progress } from './progress.ts';
import { withoutAnswer } from './retry.ts';
import type { StoredTurnsOptions, TurnRequest } from './turn-request.ts';

/** A run that is active. */
export interface RunningTurn {
  readonly resolution: Resolution;
  readonly session: string;
  readonly run: string;
  readonly lease: WorkerLease;
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
      messages: toMessages(conversation({ ...turn, ...retried }, request)),
      instructions: request.instructions,
      tools: request.tools,
      parameters: request.parameters,
      signal,
      streams,
      onEvent: progress.onEvent,
      onUsage,
    });
    const outbox = outboxOf({ id: run, agent: agent.name }, request, result, options.now());
    const ending = {
      run,
      worker: lease.id,
      status: 'completed',
      ...result,
      outbox,
      replaces: retried?.answer,
    } as const;
    if (!(await options.finisher.finish(ending))) throw runLost();
    return result;
  } catch (error) {
    throw await endWithoutAnswer(options, turn, progress, error);
  } finally {
    stop.leave();
    if (request.idempotency !== undefined) options.hints.tell('run', run);
  }
}

/** Everything that the model sees but instructions. Throws `invalid_request` for a result that answers no call. */
export function conversation(
  { resolution, history }: Pick<RunningTurn, 'resolution' | 'history'>,
  { input, context }: Pick<TurnRequest, 'input' | 'context'>,
): readonly Item[] {
  return coherent([...(context ?? boundHistory(history, resolution.agent)), ...input]);
}

/** These items, each call with a result. Throws `invalid_request` for a result that answers no call. */
export function coherent(items: readonly Item[]): readonly Item[] {
  const orphan = orphanResults(items)[0];
  if (orphan !== undefined) {
    const message = `There is no open call ${JSON.stringify(orphan.slice(0, 100))} in this conversation. Send results of its own calls only.`;
    throw new TalariaError('invalid_request', message, { param: 'call_id' });
  }
  return answerOpenCalls(items);
}

/** What a completed run sends. */
export function outboxOf(
  run: { readonly id: string; readonly agent: string },
  { deliver = [] }: Pick<TurnRequest, 'deliver'>,
  { output }: Pick<TurnResult, 'output'>,
  now: number,
): readonly OutboxRow[] {
  return deliver.length === 0 ? [] : requestOutboxRows(run, deliver, finalText(output), now);
}

/** The run was taken from its worker. */
export function runLost(): TalariaError {
  return new TalariaError(
    'run_unknown',
    'The gateway lost its hold on this run, so its outcome is unknown. Look at the session before repeating the turn.',
    { effectStarted: true },
  );
}

/** Ends the run and gives the error for its client. */
async function endWithoutAnswer(
  { finisher }: StoredTurnsOptions,
  { run, lease }: RunningTurn,
  progress: Progress,
  error: unknown,
): Promise<unknown> {
  if (lease.signal.aborted) return runLost();
  const code = error instanceof TalariaError ? error.code : 'internal_error';
  // A finish that could not be written yet goes on by itself, and one of a run that is lost has nothing to write.
  if (code === 'run_unknown' || code === 'state_unavailable') return error;
  await finisher.finish({ run, worker: lease.id, ...endingOf(error, progress) }).catch(() => undefined);
  return error instanceof RunStopped ? interrupted(error) : error;
}

type Ending = TurnEnding extends infer E ? (E extends TurnEnding ? Omit<E, 'run' | 'worker'> : never) : never;

function endingOf(error: unknown, progress: Progress): Ending {
  if (error instanceof RunStopped) {
    const output = progress.interrupted();
    return { status: 'cancelled', errorCode: 'run_interrupted', errorMessage: error.message, output };
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return { status: 'cancelled', errorCode: 'run_interrupted', errorMessage: 'the client went away' };
  }
  const known = error instanceof TalariaError ? error : undefined;
  return { status: 'failed', errorCode: known?.code ?? 'internal_error', errorMessage: known?.message ?? '' };
}

function interrupted({ message }: RunStopped): TalariaError {
  const told = `The turn did not end: ${message}. What had come of its answer is kept with the run.`;
  return new TalariaError('run_interrupted', told, { effectStarted: true });
}

import type { Clock } from '../../core/lib/clock.ts';
import { deadline } from '../../core/lib/deadline.ts';
import type { Logger } from '../../core/lib/log.ts';
import type { ChatMessage, TurnResult } from '../agent/models/port.ts';
import type { RunTurn } from '../agent/turn.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { outboxRows } from '../delivery/outbox.ts';
import { toItem } from '../sessions/items.ts';
import { type JobRunEnding, recordEffects } from './finish-run.ts';
import type { JobRun } from './job-run.ts';
import { openJobSession } from './job-session.ts';
import { preflight } from './preflight.ts';
import { asRunFailure, RunFailure } from './run-failure.ts';

/** What executing a run takes. `table` is the one in force when the run was taken. */
export interface ExecuteOptions {
  readonly database: Database;
  readonly table: Table;
  readonly runTurn: RunTurn;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The reason of a run's signal when the run itself was asked to stop, as opposed to its worker. */
export class StopRequested extends Error {
  override readonly name = 'StopRequested';
}

/** What came of one attempt of a run. */
export type AttemptResult =
  | { readonly kind: 'ended'; readonly ending: JobRunEnding }
  /** `effects`: a model may have been called. `ending`: how the run ends when it is not attempted again. */
  | { readonly kind: 'failed'; readonly failure: RunFailure; readonly effects: boolean; readonly ending: JobRunEnding }
  /** Another run holds the named session. */
  | { readonly kind: 'busy' }
  /** The worker may not go on; nothing may be written. */
  | { readonly kind: 'abandoned' };

/** One attempt: preflight, session, the turn under the job's own Agent within `timeoutSeconds`. Throws nothing. */
export async function attemptRun(options: ExecuteOptions, run: JobRun, signal: AbortSignal): Promise<AttemptResult> {
  const { timeoutSeconds } = run.input.job;
  using limit = deadline(timeoutSeconds * 1_000, signal);
  let effects = false;
  const onEffect = () => {
    effects = true;
  };
  try {
    return await takeTurn(options, run, limit.signal, onEffect);
  } catch (error) {
    if (signal.aborted) {
      const stopped = signal.reason instanceof StopRequested;
      return stopped ? { kind: 'ended', ending: { status: 'cancelled' } } : { kind: 'abandoned' };
    }
    const failure = limit.expired()
      ? new RunFailure('run_timeout', `the run took longer than its timeoutSeconds (${timeoutSeconds})`, error)
      : asRunFailure(error);
    return { kind: 'failed', failure, effects, ending: failedEnding(options, run, failure) };
  }
}

async function takeTurn(
  { database, table, runTurn, clock }: ExecuteOptions,
  run: JobRun,
  signal: AbortSignal,
  onEffect: () => void,
): Promise<AttemptResult> {
  const resolution = preflight(run, table);
  const session = await openJobSession(database, run, resolution.agent);
  if (session.kind === 'busy') return { kind: 'busy' };
  const prompt: ChatMessage = { role: 'user', content: run.input.prompt };
  const result = await runTurn({
    resolution,
    table,
    messages: session.kind === 'named' ? [...session.history, prompt] : [prompt],
    signal,
    onEffect: async () => {
      const recorded = await recordEffects(database, run, session.kind === 'isolated' ? session.name : undefined);
      if (!recorded) throw new RunFailure('run_interrupted', 'the run was taken from its worker or asked to stop');
      onEffect();
    },
  });
  return { kind: 'ended', ending: completedEnding(run, prompt, result, clock.now()) };
}

function completedEnding(run: JobRun, prompt: ChatMessage, result: TurnResult, now: number): JobRunEnding {
  const { text, usage, model } = result;
  return {
    status: 'completed',
    text,
    usage,
    model,
    items: [toItem(prompt), toItem({ role: 'assistant', content: text })],
    outbox: outboxRows(run, { outcome: 'completed', text }, now),
  };
}

function failedEnding({ clock }: ExecuteOptions, run: JobRun, { code, message }: RunFailure): JobRunEnding {
  return {
    status: 'failed',
    code,
    message,
    outbox: outboxRows(run, { outcome: 'failed', code, message }, clock.now()),
  };
}

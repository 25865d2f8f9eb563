import type { Clock } from '../../core/lib/clock.ts';
import { deadline } from '../../core/lib/deadline.ts';
import type { Logger } from '../../core/lib/log.ts';
import { untilStored } from '../../core/lib/until-stored.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import type { JobEntry } from '../../core/snapshot/schema.ts';
import type { ChatMessage } from '../agent/models/port.ts';
import type { RunTurn, TurnResult } from '../agent/turn.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { outboxRows } from '../delivery/outbox.ts';
import type { Limits } from '../limits/limits.ts';
import { countTokens, type Permit } from '../limits/permit.ts';
import {
  boundItems,
  boundText,
  type ResultBounds,
  sizeOfItems,
  smallResult,
  wholeResult,
} from '../runs/kept-result.ts';
import { RunStopped } from '../runs/request-stop.ts';
import { finalText, type Item, toItems } from '../sessions/items.ts';
import type { RecordEffects } from '../worker/record-effects.ts';
import type { FinishRun, JobRunEnding } from './finish-run.ts';
import { contextJobs, promptWithContext } from './job-context.ts';
import type { JobRun } from './job-run.ts';
import { openJobSession } from './job-session.ts';
import { preflight } from './preflight.ts';
import { asRunFailure, RunFailure } from './run-failure.ts';

/** What executing a run takes. `table` is the one in force when the run was taken. */
export interface ExecuteOptions {
  readonly database: Database;
  readonly table: Table;
  readonly runTurn: RunTurn;
  readonly limits: Limits;
  readonly recordEffects: RecordEffects;
  readonly finishRun: FinishRun;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called right before a model is called. */
  readonly onBegun: () => void;
  /** Called after outbox rows were stored. */
  readonly onOutbox: () => void;
}

/** What came of one attempt of a run. */
export type AttemptResult =
  | ({ readonly kind: 'ended' } & Ending)
  /** `effects`: a model may have been called. `ending`: how the run ends when it is not attempted again. */
  | ({ readonly kind: 'failed'; readonly failure: RunFailure; readonly effects: boolean } & Ending)
  /** Another run holds the named session, or the agent runs as much as it may. */
  | { readonly kind: 'busy' }
  /** The worker may not go on; nothing may be written. */
  | { readonly kind: 'abandoned' };

interface Ending {
  readonly ending: JobRunEnding;
  /** The same cut to little text, for a database that cannot store it all in time. Absent: it is little already. */
  readonly cut?: () => JobRunEnding;
}

/** One attempt: preflight, session, the turn under the job's own Agent within `timeoutSeconds`. Throws nothing. */
export async function attemptRun(options: ExecuteOptions, run: JobRun, signal: AbortSignal): Promise<AttemptResult> {
  const { timeoutSeconds } = run.input.job;
  using limit = deadline(timeoutSeconds * 1_000, signal);
  let effects = false;
  const onEffect = () => {
    effects = true;
    options.onBegun();
  };
  try {
    return await unlessStuck(takeTurn(options, run, limit.signal, onEffect), limit.signal);
  } catch (error) {
    if (signal.aborted) {
      // A turn that goes on although it was asked to stop has no known end: that is for the reaper to say.
      const stopped = signal.reason instanceof RunStopped && !(error instanceof TurnStuck);
      return stopped ? { kind: 'ended', ending: { status: 'cancelled' } } : { kind: 'abandoned' };
    }
    const failure = limit.expired()
      ? new RunFailure('run_timeout', `the run took longer than its timeoutSeconds (${timeoutSeconds})`, error)
      : asRunFailure(error);
    return { kind: 'failed', failure, effects, ending: failedEnding(options, run, failure) };
  }
}

/** How long a turn may take to end once its signal aborted; then its worker leaves it. */
const stuckAfterMs = 35_000;

class TurnStuck extends Error {
  override readonly name = 'TurnStuck';
}

async function unlessStuck<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stuck = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const abort = () => {
    timer = setTimeout(() => stuck.reject(new TurnStuck('the turn did not end when it was aborted')), stuckAfterMs);
  };
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, stuck.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

/** Within the limits of the agent; a budget that is used up fails the run. */
async function takeTurn(
  options: ExecuteOptions,
  run: JobRun,
  signal: AbortSignal,
  onEffect: () => void,
): Promise<AttemptResult> {
  const resolution = preflight(run, options.table);
  const context = contextJobs(run, options.table);
  const permit = await untilStored(() => options.limits.tryAcquire(resolution.agent), signal);
  if (permit === undefined) return { kind: 'busy' };
  try {
    return await permittedTurn(options, run, { resolution, context, permit, signal, onEffect });
  } finally {
    permit.release();
  }
}

interface PermittedTurn {
  readonly resolution: Resolution;
  readonly context: readonly JobEntry[];
  readonly permit: Permit;
  readonly signal: AbortSignal;
  readonly onEffect: () => void;
}

async function permittedTurn(
  options: ExecuteOptions,
  run: JobRun,
  { resolution, context, permit, signal, onEffect }: PermittedTurn,
): Promise<AttemptResult> {
  const { database, table, runTurn, recordEffects } = options;
  const session = await untilStored(() => openJobSession(database, run, resolution.agent), signal);
  if (session.kind === 'busy') {
    permit.cancel();
    return { kind: 'busy' };
  }
  const content = await untilStored(() => promptWithContext(database, run, context), signal);
  const prompt: ChatMessage = { role: 'user', content };
  const result = await runTurn({
    resolution,
    table,
    run: run.id,
    session: session.id,
    messages: session.kind === 'named' ? [...session.history, prompt] : [prompt],
    signal,
    onUsage: countTokens(permit),
    onEffect: async () => {
      const used = { generation: resolution.agent.generation, sequence: table.sequence };
      const own = session.kind === 'isolated' ? session : undefined;
      const recorded = await untilStored(() => recordEffects(run, own, used), signal);
      if (!recorded) throw new RunFailure('run_interrupted', 'the run was taken from its worker or asked to stop');
      onEffect();
    },
  });
  const turn = { result, items: [...toItems(prompt), ...result.output] };
  if (finalText(result.output).trim() !== '') {
    return { kind: 'ended', ...bounded(turn, (bounds) => completedEnding(options, run, turn, bounds)) };
  }
  // An agent that has nothing to say says its silence marker; nothing at all is a fault, which people are told of.
  const failure = new RunFailure('empty_result', 'the agent answered with no text; nothing was delivered');
  const endings = bounded(turn, (bounds) => emptyEnding(options, run, turn, failure, bounds));
  return { kind: 'failed', failure, effects: true, ...endings };
}

interface EndedTurn {
  readonly result: TurnResult;
  readonly items: readonly Item[];
}

function bounded({ items }: EndedTurn, ending: (bounds: ResultBounds) => JobRunEnding): Ending {
  const isLarge = sizeOfItems(items) > smallResult.items;
  return { ending: ending(wholeResult), ...(isLarge ? { cut: () => ending(smallResult) } : {}) };
}

function emptyEnding(
  options: ExecuteOptions,
  run: JobRun,
  { result: { usage, model }, items }: EndedTurn,
  failure: RunFailure,
  bounds: ResultBounds,
): JobRunEnding {
  return { ...failedEnding(options, run, failure), turn: { items: boundItems(items, bounds.items), usage, model } };
}

function completedEnding(
  { table, clock }: ExecuteOptions,
  run: JobRun,
  { result: { output, usage, model }, items }: EndedTurn,
  bounds: ResultBounds,
): JobRunEnding {
  const text = boundText(finalText(output), bounds.text);
  return {
    status: 'completed',
    text,
    usage,
    model,
    items: boundItems(items, bounds.items),
    outbox: outboxRows(run, { outcome: 'completed', text }, { table, now: clock.now(), mostText: bounds.outbox }),
  };
}

function failedEnding({ table, clock }: ExecuteOptions, run: JobRun, { code, message }: RunFailure) {
  return {
    status: 'failed' as const,
    code,
    message,
    outbox: outboxRows(run, { outcome: 'failed', code, message }, { table, now: clock.now() }),
  };
}

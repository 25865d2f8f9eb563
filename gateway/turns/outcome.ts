import { TalariaError } from '../../core/lib/errors.ts';
import type { Cost } from '../agent/cost.ts';
import type { Usage } from '../agent/models/port.ts';
import type { TurnResult } from '../agent/turn.ts';
import type { Table } from '../config/table.ts';
import { type OutboxRow, type RequestedTarget, requestOutboxRows } from '../delivery/outbox.ts';
import { boundItems, wholeResult } from '../runs/kept-result.ts';
import { RunStopped } from '../runs/request-stop.ts';
import { finalText, type Item } from '../sessions/items.ts';
import type { Progress } from './progress.ts';

/** What came of a turn. What has an output becomes part of its session's history. */
export type TurnOutcome =
  | {
      readonly status: 'completed';
      readonly output: readonly Item[];
      readonly finishReason: string;
      readonly usage: Usage;
      readonly model: string;
      readonly cost?: Cost | undefined;
      /** What the run sends. */
      readonly outbox?: readonly OutboxRow[] | undefined;
      /** Ids of items of the session whose place the output takes. */
      readonly replaces?: readonly string[] | undefined;
    }
  | {
      readonly status: 'failed' | 'cancelled';
      readonly errorCode: string;
      readonly errorMessage: string;
      /** What it had said and done, when that is to be kept. */
      readonly output?: readonly Item[];
    };

/**
 * The outcome of a turn that gave this result at `now` (Unix milliseconds), with what its run sends. What is longer than
 * the database is sure to store in time is cut in what is kept, with a note; its client has it whole.
 */
export function completedOutcome(
  run: { readonly id: string; readonly agent: string },
  { deliver = [], table }: { readonly deliver?: readonly RequestedTarget[] | undefined; readonly table: Table },
  result: TurnResult,
  now: number,
): Extract<TurnOutcome, { status: 'completed' }> {
  const outbox = deliver.length === 0 ? [] : requestOutboxRows(run, deliver, finalText(result.output), { table, now });
  return { status: 'completed', ...result, output: boundItems(result.output, wholeResult.items), outbox };
}

/**
 * The outcome of a turn that ended by an error: of one that was asked to stop, what it had said and done is kept. An
 * unforeseen error keeps its text out of the run.
 */
export function endingOf(error: unknown, progress: Progress): TurnOutcome {
  if (error instanceof RunStopped) {
    const output = progress.interrupted();
    return { status: 'cancelled', errorCode: 'run_interrupted', errorMessage: error.message, output };
  }
  if (error instanceof TalariaError) return { status: 'failed', errorCode: error.code, errorMessage: error.message };
  return { status: 'failed', errorCode: 'internal_error', errorMessage: unforeseen };
}

const unforeseen =
  'The run failed by a fault of the gateway; its log has the error. Give the id of the run to whoever runs the gateway.';

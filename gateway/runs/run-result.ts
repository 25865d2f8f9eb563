import { type ErrorCode, errorTable, TalariaError } from '../../core/lib/errors.ts';
import type { TurnResult } from '../agent/turn.ts';
import type { StoredRun } from './read-run.ts';

/**
 * What a run that has ended gave, as when it was made. Throws the TalariaError that its first client got: its own code, or
 * `run_unknown` or `run_interrupted`; never one that invites to repeat it. Or `run_not_found`, when what it said was deleted
 * since.
 */
export function resultOf(run: StoredRun): TurnResult {
  const { status, error, output } = run;
  if (status === 'completed') {
    if (output.length === 0) throw new TalariaError('run_not_found', forgotten);
    return {
      output,
      finishReason: run.finishReason ?? 'stop',
      usage: run.usage ?? { inputTokens: 0, outputTokens: 0 },
      model: run.model ?? '',
      cost: run.cost,
    };
  }
  const code = status === 'unknown' ? 'run_unknown' : status === 'cancelled' ? 'run_interrupted' : codeOf(error?.code);
  const message = error?.message || 'The run did not end with an answer.';
  throw new TalariaError(code, message, { effectStarted: true });
}

const forgotten = 'What this run said was deleted with its session.';

/** A stored code may be one that only runs have. */
function codeOf(stored: string | undefined): ErrorCode {
  return stored !== undefined && Object.hasOwn(errorTable, stored) ? (stored as ErrorCode) : 'model_failed';
}

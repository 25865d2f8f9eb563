import { errorTable, TalariaError } from '../../core/lib/errors.ts';
import type { TurnResult } from '../agent/turn.ts';
import type { StoredRun } from './read-run.ts';
import { runErrorOf } from './run-error.ts';

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
  const { code, message } = runErrorOf(status, error) ?? withoutReason;
  throw new TalariaError(status === 'cancelled' ? 'run_interrupted' : code, message, { effectStarted: true });
}

const forgotten =
  'What this run said was deleted with its session. Send the request with a new Idempotency-Key to have it answered anew.';

const withoutReason = {
  code: 'model_failed',
  message: `The run ended without an answer. ${errorTable.model_failed.cure}`,
} as const;

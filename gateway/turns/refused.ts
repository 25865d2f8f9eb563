import { TalariaError } from '../../core/lib/errors.ts';
import type { Resolution, resolve } from '../../core/route/resolve.ts';

/** The resolution, or its refusal thrown as a TalariaError. */
export function refusedAsError(outcome: ReturnType<typeof resolve>): Resolution {
  if (outcome.kind === 'resolved') return outcome;
  throw new TalariaError(outcome.code, outcome.message);
}

/** The refusal of a turn whose session is at work on another. */
export function sessionBusy(): TalariaError {
  return new TalariaError(
    'session_busy',
    'Another turn of this session is in progress. Wait for its answer, or use another session.',
  );
}

import { TalariaError } from '../../core/lib/errors.ts';
import type { Resolution, resolve } from '../../core/route/resolve.ts';

/** The resolution, or its refusal thrown as a TalariaError. */
export function refusedAsError(outcome: ReturnType<typeof resolve>): Resolution {
  if (outcome.kind === 'resolved') return outcome;
  throw new TalariaError(outcome.code, outcome.message);
}

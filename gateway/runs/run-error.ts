import { type ErrorCode, errorTable, TalariaError } from '../../core/lib/errors.ts';
import type { RunStatus } from './run-status.ts';

/** Why a run ended without an answer, as its client is told: what happened, why, and the cure. */
export interface RunError {
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * What a client is told of a run with this stored error: undefined of one without. A row has the whole message of an error
 * of its turn, and of everything else only the reason, which begins with a small letter, as statements write it.
 */
export function runErrorOf(
  status: RunStatus,
  stored: { readonly code: string; readonly message: string } | undefined,
): RunError | undefined {
  if (stored === undefined && status !== 'unknown') return undefined;
  const code = status === 'unknown' ? 'run_unknown' : codeOf(stored?.code);
  return { code, message: messageOf(code, stored?.message ?? '') };
}

/** The error of a run that ended for this reason, for the client that waits for it. */
export function runError(code: keyof typeof happened, reason: string): TalariaError {
  return new TalariaError(code, messageOf(code, reason), { effectStarted: true });
}

/** What happened to a run that ended by none of its turn's own errors; the table of errors has the cure. */
const happened = {
  run_interrupted: 'The run was interrupted; what had come of its answer is kept with it',
  run_unknown: 'The outcome of the run is not known',
  session_busy: 'The run did not begin',
  state_unavailable: 'The run did not begin',
} as const satisfies Partial<Record<ErrorCode, string>>;

function messageOf(code: ErrorCode, stored: string): string {
  const { means, cure } = errorTable[code];
  if (stored === '') return `${means} ${cure}`;
  if (!/^[a-z]/.test(stored) || !isReasoned(code)) return stored;
  return `${happened[code]}: ${stored}. ${cure}`;
}

function isReasoned(code: ErrorCode): code is keyof typeof happened {
  return Object.hasOwn(happened, code);
}

/** A stored code may be one that only runs of CronJobs have. */
function codeOf(stored = ''): ErrorCode {
  return Object.hasOwn(errorTable, stored) ? (stored as ErrorCode) : 'model_failed';
}

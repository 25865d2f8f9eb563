import { TalariaError } from '../../core/lib/errors.ts';

/**
 * Turns "the database cannot be used right now" into TalariaError `state_unavailable` and gives every other error back
 * unchanged. The message names no host and no user.
 */
export function asStateError(error: unknown): unknown {
  if (!isUnavailable(error)) return error;
  return new TalariaError('state_unavailable', 'the database cannot be reached at the moment; try again shortly', {
    cause: error,
  });
}

/** Query_canceled. */
const cancelled = '57014';
/** How pg says that there was no answer in time. */
const noAnswer = 'Query read timeout';

/** SQLSTATEs and socket errors after which the same statement may succeed later without any change. */
const unavailableCodes = new Set([
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  cancelled, // by statement_timeout
  '55P03', // lock_not_available
  '53300', // too_many_connections
  '53100', // disk_full
  '53200', // out_of_memory
  '25006', // read_only_sql_transaction: a failover is under way
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);

/** pg reports these without a code. */
const unavailableMessages = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'timeout expired',
  noAnswer,
  'Client has encountered a connection error',
  'Cannot use a pool after calling end',
  'Client was closed and is not queryable',
];

/** Whether an error, pg's own or TalariaError, says that the database cannot be used right now. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof TalariaError) return error.code === 'state_unavailable';
  if (error instanceof AggregateError) return error.errors.some(isUnavailable);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (unavailableCodes.has(code) || code.startsWith('08')) return true;
  return unavailableMessages.some((message) => error.message.startsWith(message));
}

/** Whether `error`, as asStateError gives it, says that a statement took longer than a statement may. */
export function isOutOfTime(error: unknown): boolean {
  const cause = error instanceof TalariaError ? error.cause : undefined;
  if (!(cause instanceof Error)) return false;
  return ('code' in cause && cause.code === cancelled) || cause.message.startsWith(noAnswer);
}

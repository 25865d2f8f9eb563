/** Ends one call: at its deadline, or when its caller stops. */
export interface CallDeadline {
  /** Aborts at the end of the call's time. */
  readonly signal: AbortSignal;
  /** True when it was the deadline that ended the call. */
  readonly expired: () => boolean;
  /** Stops the clock but keeps the caller's signal. */
  readonly clearTimer: () => void;
  /** Call it when the call is over. */
  readonly clear: () => void;
}

/** Starts the clock of a call. */
export function startDeadline(deadlineMs: number, signal: AbortSignal | undefined): CallDeadline {
  const controller = new AbortController();
  let expired = false;
  const abort = () => controller.abort();
  const timer = setTimeout(() => {
    expired = true;
    abort();
  }, deadlineMs);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    expired: () => expired,
    clearTimer: () => clearTimeout(timer),
    clear: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    },
  };
}

/**
 * Waits for `work`, but not beyond the signal. Neither an exec plugin nor, in undici, a request whose connection is still
 * being made heeds the signal by itself.
 */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(new Error('aborted'));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  return await Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}

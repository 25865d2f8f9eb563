import { backoffMs } from './backoff.ts';
import { TalariaError } from './errors.ts';
import { sleep } from './sleep.ts';

/**
 * Does `work` again while the database is away: a result that was paid for, or a send that was made, is not forgotten.
 * Whether it is still ours to store is for the statement to check. Throws when `gaveUp` aborts, and any other error at once.
 */
export async function untilStored<T>(work: () => Promise<T>, gaveUp: AbortSignal): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const unavailable = error instanceof TalariaError && error.code === 'state_unavailable';
      if (!unavailable || gaveUp.aborted) throw error;
      await sleep(backoffMs(attempt, 100, 2_000), gaveUp);
    }
  }
}

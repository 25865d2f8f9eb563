import { TalariaError } from './errors.ts';
import type { Logger } from './log.ts';

/**
 * Does background work that is tried again anyway. That the database is away is logged by who looks after it; every other
 * error is logged here and goes no further.
 */
export async function quietly(log: Logger, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof TalariaError && error.code === 'state_unavailable') return;
    log.error({ err: error }, 'background work failed; it goes on');
  }
}

import type { Clock } from '../core/lib/clock.ts';

/** In milliseconds: metrics of many gateways are asked for often, and the database holds one truth for all. */
const keptMs = 15_000;

/**
 * Gives what `read` gave, at most 15 s old; those who ask together share one reading. One that fails leaves what was known,
 * at first `initial`.
 */
export function cachedReading<T>(read: () => Promise<T>, clock: Clock, initial: T): () => Promise<T> {
  let known = initial;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;
  const readAgain = async () => {
    known = await read().catch(() => known);
    readAt = clock.monotonic();
    reading = undefined;
  };
  return async () => {
    if (clock.monotonic() - readAt >= keptMs) {
      reading ??= readAgain();
      await reading;
    }
    return known;
  };
}

import { setImmediate } from 'node:timers/promises';

/** Longer than this the event loop is not kept from its timers and sockets, such as those of the lease. */
const breathlessMs = 10;

/**
 * Gives a function to call between pieces of work that need nothing from outside: once in a while it lets the event loop
 * turn, so that ten thousand such pieces in a row do not stop everything else.
 */
export function createBreather(monotonic: () => number): () => Promise<void> {
  let turnedAt = monotonic();
  return async () => {
    if (monotonic() - turnedAt < breathlessMs) return;
    await setImmediate();
    turnedAt = monotonic();
  };
}

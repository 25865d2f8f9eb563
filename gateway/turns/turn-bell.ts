import { setTimeout as delay } from 'node:timers/promises';

/** Tells the turns that wait for a session in this process that one of its turns has ended. */
export interface TurnBell {
  readonly ring: (session: string) => void;
  /** Resolves at the next ring, or after 250 ms, since the turn before may run on another replica. Never throws. */
  readonly heard: (session: string, signal: AbortSignal) => Promise<void>;
}

const pollMs = 250;

/** A bell that nobody waits for. */
export function createTurnBell(): TurnBell {
  const waiting = new Map<string, Set<() => void>>();
  return {
    ring: (session) => {
      for (const wake of waiting.get(session) ?? []) wake();
    },
    heard: async (session, signal) => {
      const waker = new AbortController();
      const wake = () => waker.abort();
      const others = waiting.get(session) ?? new Set();
      waiting.set(session, others.add(wake));
      await delay(pollMs, undefined, { signal: AbortSignal.any([signal, waker.signal]) }).catch(() => undefined);
      others.delete(wake);
      if (others.size === 0) waiting.delete(session);
    },
  };
}

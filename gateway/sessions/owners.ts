import type { FoundSession } from './find.ts';

/**
 * Which agent owns the sessions that were used last, so that a turn of a known session needs no look-up. A session never
 * changes its agent, so an entry is right until the session ends.
 */
export interface SessionOwners {
  readonly get: (principal: string, name: string) => FoundSession | undefined;
  readonly set: (principal: string, name: string, session: FoundSession) => void;
  readonly delete: (principal: string, name: string) => void;
}

/** Keeps the `bound` entries that were used last. */
export function createSessionOwners(bound = 10_000): SessionOwners {
  const entries = new Map<string, FoundSession>();
  const keyOf = (principal: string, name: string) => JSON.stringify([principal, name]);
  const set = (key: string, session: FoundSession) => {
    entries.delete(key);
    entries.set(key, session);
    const oldest = entries.keys().next();
    if (entries.size > bound && !oldest.done) entries.delete(oldest.value);
  };
  return {
    get: (principal, name) => {
      const key = keyOf(principal, name);
      const session = entries.get(key);
      if (session) set(key, session);
      return session;
    },
    set: (principal, name, session) => set(keyOf(principal, name), session),
    delete: (principal, name) => {
      entries.delete(keyOf(principal, name));
    },
  };
}

import type { Random } from './random.ts';
import type { Said } from './tagged-model.ts';

/** A session as the one who checks knows it: what was said in it, by answers that came. */
export interface KnownSession {
  readonly principal: string;
  /** The client's name for it. */
  readonly name: string;
  /** `ses_...` */
  readonly id: string;
  readonly agent: string;
  readonly said: Said[];
}

/** All sessions of all principals, and which of them are in use: one turn of a session at a time. */
export interface KnownSessions {
  readonly byName: (principal: string, name: string) => KnownSession | undefined;
  readonly add: (session: KnownSession) => void;
  /** Another principal's session, any. */
  readonly foreign: (random: Random, principal: string) => KnownSession | undefined;
  /** False when it is in use. */
  readonly take: (principal: string, name: string) => boolean;
  /** Ends every use. */
  readonly release: () => void;
}

/** No sessions yet. */
export function createKnownSessions(): KnownSessions {
  const sessions = new Map<string, KnownSession>();
  const used = new Set<string>();
  const keyOf = (principal: string, name: string) => JSON.stringify([principal, name]);
  return {
    byName: (principal, name) => sessions.get(keyOf(principal, name)),
    add: (session) => {
      sessions.set(keyOf(session.principal, session.name), session);
    },
    foreign: (random, principal) => {
      const all = [...sessions.values()];
      const found = all.length === 0 ? undefined : random.pick(all);
      return found?.principal === principal ? undefined : found;
    },
    take: (principal, name) => {
      const key = keyOf(principal, name);
      if (used.has(key)) return false;
      used.add(key);
      return true;
    },
    release: () => used.clear(),
  };
}

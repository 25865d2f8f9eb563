import { AsyncLocalStorage } from 'node:async_hooks';

/** Whose turn it is: what logs and hooks tell of code that runs inside one. */
export interface BoundProfile {
  readonly agent: string;
  readonly agentUid: string;
  /** UUID; absent for a turn that is no run. */
  readonly run?: string | undefined;
}

/**
 * Runs `work` as a turn of this profile: everything that it starts and awaits sees the profile, and nothing beside it does.
 * It is for telling alone. What reads or writes state gets its agent as an argument, never from here.
 */
export function withProfile<T>(profile: BoundProfile, work: () => T): T {
  return storage.run(profile, work);
}

/** The profile of the turn that this code runs in; undefined outside of turns. */
export function boundProfile(): BoundProfile | undefined {
  return storage.getStore();
}

/** The fields that a log line gets from the turn it is written in: a new object each time. */
export function profileFields(): object {
  const profile = storage.getStore();
  if (profile === undefined) return {};
  return profile.run === undefined ? { agent: profile.agent } : { agent: profile.agent, run: profile.run };
}

const storage = new AsyncLocalStorage<BoundProfile>();

import type { Reflector } from './reflector.ts';
import type { KubeObject } from './types.ts';

/** Several reflectors that begin and end together. */
export interface ReflectorGroup {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  /** True once every copy is complete. */
  readonly synced: () => boolean;
  /** Resolves when synced; rejects when `signal` aborts first. */
  readonly whenSynced: (signal: AbortSignal) => Promise<void>;
}

/** Makes one of them. An empty group is synced. */
export function createReflectorGroup(
  reflectors: readonly Pick<Reflector<KubeObject>, keyof ReflectorGroup>[],
): ReflectorGroup {
  return {
    start: () => {
      for (const reflector of reflectors) reflector.start();
    },
    stop: async () => {
      await Promise.all(reflectors.map((reflector) => reflector.stop()));
    },
    synced: () => reflectors.every((reflector) => reflector.synced()),
    whenSynced: async (signal) => {
      await Promise.all(reflectors.map((reflector) => reflector.whenSynced(signal)));
    },
  };
}

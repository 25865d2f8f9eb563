import { createEffectsRecorder } from '../../runs/record-effects.ts';
import type { RunSource } from '../../runs/worker.ts';
import { claimTurns } from './claim-turns.ts';
import { type ExecuteTurnOptions, executeTurn } from './execute-turn.ts';

/** The runs of the API that no open request waits for, for a worker. */
export function createBackgroundTurns(options: Omit<ExecuteTurnOptions, 'recordEffects'>): RunSource {
  const recordEffects = createEffectsRecorder(options.database);
  return {
    claim: async (worker, sequence, limit) => {
      const { runs, leaseExpired } = await claimTurns(options.database, worker, sequence, limit);
      const claimed = runs.map((run) => ({
        id: run.id,
        wakesNext: run.session !== undefined,
        execute: (attempt: Parameters<typeof executeTurn>[2]) =>
          executeTurn({ ...options, recordEffects }, run, attempt),
      }));
      return { runs: claimed, leaseExpired };
    },
  };
}

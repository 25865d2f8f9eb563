import { createEffectsRecorder } from '../worker/record-effects.ts';
import type { RunSource } from '../worker/worker.ts';
import { claimApiRuns } from './claim.ts';
import { type ExecuteApiRunOptions, executeApiRun } from './execute.ts';

/** The runs of the API that no open request waits for, for a worker. */
export function createApiRuns(options: Omit<ExecuteApiRunOptions, 'recordEffects'>): RunSource {
  const recordEffects = createEffectsRecorder(options.database);
  return {
    claim: async (worker, sequence, limit) => {
      const { runs, leaseExpired } = await claimApiRuns(options.database, worker, sequence, limit);
      const claimed = runs.map((run) => ({
        id: run.id,
        wakesNext: run.session !== undefined,
        execute: (attempt: Parameters<typeof executeApiRun>[2]) =>
          executeApiRun({ ...options, recordEffects }, run, attempt),
      }));
      return { runs: claimed, leaseExpired };
    },
  };
}

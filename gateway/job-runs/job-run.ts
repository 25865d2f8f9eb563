import type { JobEntry } from '../../core/snapshot/schema.ts';

/**
 * What a scheduled run was started with, kept in its row: later changes of the CronJob, its prompt or its deletion do not
 * reach a run that was started before.
 */
export interface JobRunInput {
  readonly prompt: string;
  readonly job: JobEntry;
}

/** A run of a CronJob that this worker holds. `attempt` and `worker` fence every write that it makes. */
export interface JobRun {
  readonly id: string;
  readonly agent: string;
  readonly agentUid: string;
  readonly jobUid: string;
  /** The slot, or the moment at which it was asked for: by `talaria.dev/run-at`, or by hand. */
  readonly slot: Date;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly worker: string;
  /** Part of a backlog that is worked off one run at a time. */
  readonly backlog: boolean;
  readonly input: JobRunInput;
}

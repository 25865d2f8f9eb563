import type { Schedule } from './parse.ts';

/** What the CronJob and its Agent say at the moment of the decision. */
export interface Terms {
  readonly schedule: Schedule;
  /** By the spec, or paused in the database. */
  readonly suspended: boolean;
  /** False when the Agent is gone, suspended or not ready. */
  readonly agentServes: boolean;
  readonly startingDeadlineMs: number | undefined;
  readonly concurrencyPolicy: 'Forbid' | 'Allow' | 'Replace';
  readonly catchUp: { readonly policy: 'Latest' | 'None' | 'All'; readonly maxRuns: number };
  readonly jitterMs: number;
}

/** What the database remembers of the job. Instants are Unix milliseconds. */
export interface History {
  /** When the job was first seen with its present schedule. */
  readonly anchor: number;
  /** Every slot up to here has its outcome. */
  readonly decidedTo: number;
  /** Runs of the job that have not ended, without those of a queued backlog. */
  readonly activeRuns: number;
  /** Runs of a queued backlog that have not ended. */
  readonly queuedRuns: number;
}

import type { Snapshot } from '../../core/snapshot/schema.ts';
import type { JobReport } from './job-report.ts';

/** One complete configuration: a verified snapshot and every credential value that it names. */
export interface Configuration {
  readonly snapshot: Snapshot;
  /** Credential name -> value. API keys are SHA-256 hex; everything else is the plain value. Never logged. */
  readonly credentials: ReadonlyMap<string, string>;
}

/** Hands over configurations: from a cluster, or from a directory in standalone mode. */
export interface ConfigSource {
  /**
   * Starts handing over. `apply` is called one configuration at a time; when it throws, the last good one stays in
   * force and the source keeps going. Resolves once started, not once the first configuration is there.
   */
  readonly start: (apply: (configuration: Configuration) => Promise<void>) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Where the gateways report what a CronJob did. */
export interface JobStatusSink {
  /** Writes the gateway-owned status fields of one CronJob; `status` is compared by the caller, so a call is a change. */
  readonly writeJobStatus: (job: { readonly name: string; readonly uid: string }, status: JobStatus) => Promise<void>;
  /** Tells people of something that happened to a CronJob. */
  readonly report: (job: { readonly name: string; readonly uid: string }, report: JobReport) => Promise<void>;
}

/** Where the gateways report which accounts of an Agent are ready. */
export interface AgentStatusSink {
  /** Writes the gateway-owned status fields of one Agent; `status` is compared by the caller, so a call is a change. */
  readonly writeAgentStatus: (
    agent: { readonly name: string; readonly uid: string },
    status: AgentStatus,
  ) => Promise<void>;
}

/** The status fields of an Agent that gateways own. Without accounts both lists are empty. */
export interface AgentStatus {
  readonly accounts: readonly { readonly name: string; readonly ready: boolean; readonly message?: string }[];
  readonly conditions: readonly {
    readonly type: 'AccountsReady';
    readonly status: 'True' | 'False';
    readonly reason: string;
    readonly message: string;
    readonly lastTransitionTime: string;
    readonly observedGeneration: number;
  }[];
}

/** The status fields of a CronJob that gateways own. Times are RFC 3339. */
export interface JobStatus {
  readonly lastScheduleTime?: string;
  readonly nextScheduleTime?: string;
  readonly lastSuccessfulTime?: string;
  readonly lastMissedTime?: string;
  readonly missedCount: number;
  readonly consecutiveFailures: number;
  readonly lastRunAt?: string;
  readonly active: readonly { readonly runId: string; readonly scheduledTime: string }[];
  readonly recentRuns: readonly {
    readonly scheduledTime: string;
    readonly runId: string;
    readonly outcome: string;
    readonly deliveryOutcome: string;
  }[];
  readonly conditions: readonly {
    readonly type: 'Scheduled' | 'Healthy';
    readonly status: 'True' | 'False';
    readonly reason: string;
    readonly message: string;
    readonly lastTransitionTime: string;
    readonly observedGeneration: number;
  }[];
}

import type { Registry } from 'prom-client';
import type { Clock } from '../core/lib/clock.ts';
import type { Logger } from '../core/lib/log.ts';
import type { RunTurn } from './agent/turn.ts';
import { createApiRuns } from './api-runs/api-runs.ts';
import type { AgentStatusSink, JobStatusSink } from './config/source.ts';
import type { Table } from './config/table.ts';
import type { Hints } from './db/hints.ts';
import type { Database } from './db/pool.ts';
import { addAccountMetrics } from './delivery/account-metrics.ts';
import { createAccountStatusWriter } from './delivery/account-status-writer.ts';
import { createSender } from './delivery/send.ts';
import type { PlatformSenders } from './delivery/targets/platform.ts';
import { platformSenders } from './delivery/targets/platforms.ts';
import type { EgressPolicy } from './egress.ts';
import { createJobRuns } from './job-runs/job-runs.ts';
import type { Limits } from './limits/limits.ts';
import { addRunMetrics } from './runs/metrics.ts';
import { createScheduler } from './schedule/scheduler.ts';
import { createRetention } from './sessions/retention.ts';
import type { Tracing } from './tracing/tracing.ts';
import type { TurnFinisher } from './turns/finish-turn.ts';
import type { LeaseKeeper } from './worker/lease.ts';
import { createWorker } from './worker/worker.ts';

export interface BackgroundOptions {
  readonly database: Database;
  readonly lease: LeaseKeeper;
  readonly table: () => Table | undefined;
  readonly runTurn: RunTurn;
  readonly limits: Limits;
  readonly hints: Hints;
  /** Ends the runs of the API. */
  readonly finisher: TurnFinisher;
  readonly jobStatus: JobStatusSink;
  readonly agentStatus: AgentStatusSink;
  /** How messages go to chat platforms; default: those of this version. */
  readonly platformSenders?: PlatformSenders | undefined;
  /** Which addresses deliveries may reach. */
  readonly deliveryEgress: EgressPolicy;
  /** False while this replica's snapshot is too old to take background work. */
  readonly mayWork: () => boolean;
  readonly registry: Registry;
  readonly tracing?: Tracing | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What a gateway does without a request: it decides slots, executes their runs, sends what they leave, and forgets. */
export interface Background {
  readonly start: () => void;
  /** Takes nothing more and lets what is under way end, at most for `budgetMs`; the rest is left to other replicas. */
  readonly stop: (budgetMs: number) => Promise<void>;
}

/** Makes the scheduler, the worker, the sender and what reports; each wakes the next, so that nothing waits for a poll. */
export function createBackground(options: BackgroundOptions): Background {
  const { clock } = options;
  const sender = createSender({ ...options, egress: options.deliveryEgress, senders: options.platformSenders });
  const worker = createWorker({
    ...options,
    sources: [
      createJobRuns({ ...options, onOutbox: () => options.hints.tell('delivery', '') }),
      createApiRuns(options),
    ],
    onFreed: (sessions) => {
      for (const session of sessions) options.hints.tell('session', session);
    },
  });
  const scheduler = createScheduler({ ...options, onStarted: worker.nudge });
  const accounts = createAccountStatusWriter({
    ...options,
    sink: options.agentStatus,
    senders: options.platformSenders ?? platformSenders,
  });
  addAccountMetrics(options.registry, { ...options, senders: options.platformSenders ?? platformSenders });
  addRunMetrics(options.registry, options);
  let unlisten: readonly (() => void)[] = [];
  const retention = createRetention(options);
  return {
    start: () => {
      unlisten = [
        options.hints.listen('queue', '', () => {
          worker.nudge();
          sender.nudge();
        }),
        options.hints.listen('delivery', '', sender.nudge),
      ];
      scheduler.start();
      retention.start();
      worker.start();
      sender.start();
      accounts.start();
    },
    stop: async (budgetMs) => {
      for (const end of unlisten) end();
      const endsAt = clock.monotonic() + budgetMs;
      await Promise.all([scheduler.stop(), retention.stop(), accounts.stop()]);
      await worker.stop(Math.max(0, endsAt - clock.monotonic()));
      await sender.stop(Math.max(0, endsAt - clock.monotonic()));
    },
  };
}

import { Registry } from 'prom-client';
import { type Clock, systemClock } from '../../../core/lib/clock.ts';
import { createLogger, type Logger } from '../../../core/lib/log.ts';
import { createModels } from '../../../gateway/agent/models/models.ts';
import { createTurnRunner, type RunTurn } from '../../../gateway/agent/turn.ts';
import { createBackground } from '../../../gateway/background.ts';
import { describeReport } from '../../../gateway/config/job-report.ts';
import type { AgentStatusSink, JobStatus, JobStatusSink } from '../../../gateway/config/source.ts';
import type { Table } from '../../../gateway/config/table.ts';
import { createHints } from '../../../gateway/db/hints.ts';
import { createDatabase, type Database } from '../../../gateway/db/pool.ts';
import type { PlatformSenders } from '../../../gateway/delivery/targets/platform.ts';
import { createEgressPolicy } from '../../../gateway/egress.ts';
import { createLimits } from '../../../gateway/limits/limits.ts';
import { createMetrics } from '../../../gateway/metrics.ts';
import { createTurnFinisher } from '../../../gateway/turns/finish-turn.ts';
import { createLeaseKeeper } from '../../../gateway/worker/lease.ts';

/** What a gateway does by the clock, without its HTTP side. */
export interface Replica {
  readonly database: Database;
  readonly registry: Registry;
  /** The last status written per CronJob. */
  readonly statuses: ReadonlyMap<string, JobStatus>;
  /** What people were told, such as `nightly: Its spec suspends it.` */
  readonly reports: readonly string[];
  /** True while it holds the lease under which it takes work. */
  readonly works: () => boolean;
  /** Puts a Table in force. */
  readonly swap: (table: Table) => void;
  readonly stop: () => Promise<void>;
}

export interface ReplicaOptions {
  readonly url: string;
  readonly name: string;
  readonly table: Table;
  /** Instead of the Agents' own models. */
  readonly runTurn?: RunTurn;
  readonly sink?: JobStatusSink;
  /** Default: what is written is dropped. */
  readonly agentSink?: AgentStatusSink;
  readonly log?: Logger;
  /** Its own clock; the machine's unless said. */
  readonly clock?: Clock;
  /** How messages go to chat platforms, instead of the real ways. */
  readonly platformSenders?: PlatformSenders;
  /** Networks and hosts that webhooks may reach; loopback unless said. */
  readonly allow?: readonly string[];
}

/** Starts one replica. Stop it before its database goes. */
export function startReplica({ url, name, table, ...options }: ReplicaOptions): Replica {
  const log = options.log ?? createLogger(name, process.env.TEST_LOG_LEVEL ?? 'silent');
  const clock = options.clock ?? systemClock;
  const database = createDatabase({ url, directUrl: url, log });
  const models = createModels({
    egress: createEgressPolicy({ kind: 'models', allow: ['127.0.0.0/8'], privateNetworks: true }),
  });
  const registry = new Registry();
  const statuses = new Map<string, JobStatus>();
  const reports: string[] = [];
  let current = table;
  const lease = createLeaseKeeper({ database, replica: name, sequence: () => current.sequence, clock, log });
  const writeToMap: JobStatusSink = {
    writeJobStatus: async ({ name: job }, status) => {
      statuses.set(job, status);
    },
    report: async ({ name: job }, report) => {
      reports.push(`${job}: ${describeReport(report)}`);
    },
  };
  const limits = createLimits({ database, lease: lease.current, clock, registry });
  const hints = createHints({ database, directUrl: url, registry, log, clock });
  const background = createBackground({
    database,
    lease,
    table: () => current,
    runTurn: options.runTurn ?? createTurnRunner({ models, metrics: createMetrics() }),
    limits,
    hints,
    finisher: createTurnFinisher({ database, hints, log }),
    jobStatus: options.sink ?? writeToMap,
    agentStatus: options.agentSink ?? { writeAgentStatus: async () => undefined },
    platformSenders: options.platformSenders,
    deliveryEgress: createEgressPolicy({
      kind: 'delivery',
      allow: options.allow ?? ['127.0.0.0/8'],
      privateNetworks: false,
    }),
    mayWork: () => true,
    registry,
    clock,
    log,
  });
  lease.start();
  background.start();
  return {
    database,
    registry,
    statuses,
    reports,
    works: () => lease.current() !== undefined,
    swap: (next) => {
      current = next;
    },
    stop: async () => {
      await background.stop(2_000);
      await limits.stop();
      await lease.stop();
      await models.stop();
      await database.stop();
    },
  };
}

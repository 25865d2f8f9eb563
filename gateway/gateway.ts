import { audit } from '../core/lib/audit.ts';
import type { Clock } from '../core/lib/clock.ts';
import type { Logger } from '../core/lib/log.ts';
import { sleep } from '../core/lib/sleep.ts';
import { within } from '../core/lib/within.ts';
import { createTokens } from './admit/tokens/tokens.ts';
import { watchModelHealth } from './agent/models/model-health.ts';
import { createModels, type WatchCall } from './agent/models/models.ts';
import type { Tool } from './agent/tools/tool.ts';
import { traceModelCall } from './agent/trace-turn.ts';
import { createTurnRunner } from './agent/turn.ts';
import { createBackground } from './background.ts';
import type { GatewayConfig } from './config/config-file.ts';
import type { AgentStatusSink, ConfigSource, JobStatusSink } from './config/source.ts';
import { createTableHolder, type Table } from './config/table.ts';
import { createHints } from './db/hints.ts';
import { createDatabase } from './db/pool.ts';
import { createState } from './db/state.ts';
import { createEgressPolicy } from './egress.ts';
import { createOpenFiles } from './files/agent-files.ts';
import { createDirectoryWorkspace } from './files/directory-workspace.ts';
import { createRowWorkspace } from './files/row-workspace.ts';
import { createSeedRecord } from './files/seeds.ts';
import { createHomes } from './homes/homes.ts';
import { createOpenStreams } from './ingress/open-streams.ts';
import { addRoutes } from './ingress/routes.ts';
import { createLimits } from './limits/limits.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createServer } from './server.ts';
import { createSessionOwners } from './sessions/owners.ts';
import type { Tracing } from './tracing/tracing.ts';
import { createActiveTurns } from './turns/active-turns.ts';
import { createTurnFinisher } from './turns/finish-turn.ts';
import { createStatelessTurns } from './turns/stateless-turn.ts';
import { createStoredTurns } from './turns/stored-turn.ts';
import { createLeaseKeeper } from './worker/lease.ts';

export interface GatewayOptions {
  readonly source: ConfigSource;
  readonly jobStatus: JobStatusSink;
  readonly agentStatus: AgentStatusSink;
  readonly databaseUrl: string;
  /** Reaches the server past a pooler. */
  readonly databaseDirectUrl: string;
  /** Whose database it is; a function is asked until it answers. */
  readonly namespaceUid: string | (() => Promise<string>);
  readonly config: GatewayConfig;
  readonly listen: { readonly host: string; readonly port: number };
  /** On loopback without a key: a foreign `Origin` or `Host` is refused. */
  readonly standalone: boolean;
  /** A name that no other living replica has. */
  readonly replica: string;
  /** Folder for what must be known while the database is away. */
  readonly stateDir?: string | undefined;
  /** Folder of the agents' homes, where their volumes are mounted too; absent: no home is rendered and no volume used. */
  readonly homesDir?: string | undefined;
  /** Called after each swap, when the new table is in force. */
  readonly onServing?: ((table: Table) => void) | undefined;
  readonly metrics?: Metrics | undefined;
  /** Absent: nothing is traced. The gateway stops it. */
  readonly tracing?: Tracing | undefined;
  /** Tools that every agent has. */
  readonly tools?: readonly Tool[] | undefined;
  /** How long a gateway that is not ready any more still takes requests; default 1 s, none in standalone mode. */
  readonly unreadyMs?: number;
  /** How long a request may take to arrive whole; default 60 s. */
  readonly requestTimeoutMs?: number;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface Gateway {
  /**
   * Listens, follows the source and looks after the database. Resolves once it listens and the source has started; a
   * database that is away delays it at most 2 s and stops nothing. Rejects when the port is taken, the source refuses, or
   * the database is another namespace's.
   */
  readonly start: () => Promise<{ readonly address: string }>;
  /** Unready first, then no new connection, then what runs may end within the configured time. */
  readonly stop: () => Promise<void>;
}

/** Every part of one gateway process, put together. */
export function createGateway(options: GatewayOptions): Gateway {
  const { source, config, log, clock, standalone, tracing } = options;
  const metrics = options.metrics ?? createMetrics();
  const tables = createTableHolder();
  const pool = createDatabase({ url: options.databaseUrl, directUrl: options.databaseDirectUrl, log });
  const { namespaceUid } = options;
  const state = createState({
    database: pool,
    directUrl: options.databaseDirectUrl,
    namespaceUid: typeof namespaceUid === 'string' ? async () => namespaceUid : namespaceUid,
    tables,
    stateDir: options.stateDir,
    metrics,
    log,
    clock,
  });
  const { database, isRetired } = state;
  const lease = createLeaseKeeper({
    database,
    replica: options.replica,
    sequence: () => tables.current()?.sequence ?? 0,
    clock,
    log,
  });
  const hints = createHints({
    database,
    directUrl: options.databaseDirectUrl,
    registry: metrics.registry,
    log,
    clock,
  });
  const models = createModels({
    egress: createEgressPolicy({ kind: 'models', allow: config.egress.models.allow, privateNetworks: true }),
    watch: watchModels(metrics, options),
  });
  const { homesDir } = options;
  const files = createOpenFiles({
    rows: createRowWorkspace(database),
    seeds: createSeedRecord(database),
    volumes: homesDir === undefined ? undefined : createDirectoryWorkspace(homesDir, clock),
  });
  const runTurn = createTurnRunner({ models, metrics, tracing, tools: options.tools, files });
  const finisher = createTurnFinisher({ database, hints, log });
  const active = createActiveTurns({ database, lease: lease.current, hints, log });
  const stored = createStoredTurns({
    database,
    lease: lease.current,
    owners: createSessionOwners(),
    finisher,
    hints,
    active,
    runTurn,
    now: clock.now,
  });
  const limits = createLimits({ database, lease: lease.current, clock, registry: metrics.registry });
  const background = createBackground({
    database,
    hints,
    finisher,
    lease,
    table: tables.current,
    runTurn,
    limits,
    jobStatus: options.jobStatus,
    agentStatus: options.agentStatus,
    deliveryEgress: createEgressPolicy({
      kind: 'delivery',
      allow: config.egress.delivery.allow,
      privateNetworks: false,
    }),
    mayWork: state.mayTakeWork,
    registry: metrics.registry,
    tracing,
    clock,
    log,
  });
  const homes = homesDir === undefined ? undefined : createHomes({ folder: homesDir, registry: metrics.registry, log });
  const isStateAvailable = () => state.isAvailable() === true;
  let draining = false;
  let settled = false;
  /** Whether this replica knows if it can store turns. Once it knew, a loss of the database does not unready it. */
  const isSettled = () => {
    settled ||= state.isAvailable() === false || lease.current() !== undefined;
    return settled;
  };
  const server = createServer({
    listen: options.listen,
    standalone,
    corsOrigins: config.cors.origins,
    maxOpenRequests: config.limits.openRequests,
    requestTimeoutMs: options.requestTimeoutMs,
    metrics,
    tracing,
    log,
    routes: (app) =>
      addRoutes(app, {
        tables,
        keyless: standalone,
        tokens: createTokens({ issuers: config.auth.issuers, clock, log }),
        database,
        hints,
        stateless: createStatelessTurns({ database, isStateAvailable, runTurn }),
        stored,
        limits,
        streams: createOpenStreams(config.limits.openStreams, metrics.registry),
        isRetired,
        isDraining: () => draining,
        isSettled,
        isStateAvailable,
        metrics,
        clock,
      }),
  });

  tables.onSwap((table) => {
    metrics.configSequence.set(table.sequence);
    audit(log, 'configuration.served', { revision: table.revision, sequence: table.sequence });
    options.onServing?.(table);
    homes?.render(table);
  });

  let stopped: Promise<void> | undefined;
  const stop = async () => {
    draining = true;
    await sleep(options.unreadyMs ?? (standalone ? 0 : 1_000), new AbortController().signal);
    const endsAt = clock.monotonic() + config.limits.drainSeconds * 1_000;
    const leftMs = () => Math.max(0, endsAt - clock.monotonic());
    await source.stop();
    const homesEnd = within(homes?.stop() ?? Promise.resolve(), leftMs());
    const backgroundEnd = background.stop(leftMs());
    await server.stop(leftMs());
    await within(stored.idle(), leftMs());
    await finisher.stop(Math.max(leftMs(), 1_000));
    await Promise.all([backgroundEnd, homesEnd]);
    await active.stop();
    await within(limits.stop(), closeBudgetMs);
    await lease.stop();
    await models.stop();
    await hints.stop();
    await state.stop();
    await within(pool.stop(), closeBudgetMs);
    await tracing?.stop(Math.max(leftMs(), closeBudgetMs));
  };

  return {
    start: async () => {
      const address = await server.start();
      homes?.start();
      await source.start(tables.swap);
      await within(state.start(), startPatienceMs);
      hints.start();
      lease.start();
      active.start();
      background.start();
      await untilTrue(isSettled);
      return { address };
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** The health of models is always counted; their calls are traced where anything is. */
function watchModels({ registry }: Metrics, { clock, tracing }: GatewayOptions): WatchCall {
  const count = watchModelHealth(registry, clock);
  if (tracing === undefined) return count;
  return (call) => {
    const ends = [count(call), traceModelCall(call)];
    return (outcome, answer) => {
      for (const end of ends) end(outcome, answer);
    };
  };
}

const startPatienceMs = 2_000;
/** A database that hangs does not answer the farewell either. */
const closeBudgetMs = 2_000;

async function untilTrue(test: () => boolean): Promise<void> {
  const patience = AbortSignal.timeout(startPatienceMs);
  while (!test() && !patience.aborted) await sleep(5, patience);
}

import { createCoalescingLoop } from '../core/kube/controller.ts';
import type { LeaderTiming } from '../core/kube/leader.ts';
import type { Change } from '../core/kube/object-store.ts';
import type { ConfigMap, Lease, Secret } from '../core/kube/resources.ts';
import type { KubeClient, OwnerReference } from '../core/kube/types.ts';
import type { Clock } from '../core/lib/clock.ts';
import type { Logger } from '../core/lib/log.ts';
import { createAcknowledgements } from './acknowledgements.ts';
import { createConfigurationAudit } from './audit.ts';
import { createBreather } from './breather.ts';
import { createCredentialShards, shardNames } from './credentials.ts';
import { createEventRecorder } from './events.ts';
import { createGather, hasSameData, isUnchanged } from './gather.ts';
import { createLeadership, leaseName } from './leadership.ts';
import type { OperatorMetrics } from './metrics.ts';
import { createNamespaceLoop } from './namespace-loop.ts';
import { deploymentOwner } from './owner.ts';
import { createProgrammingLedger } from './programming.ts';
import { createPublisher, snapshotNames } from './publish.ts';
import { missingForReadiness } from './readiness.ts';
import { createReporter } from './reporter.ts';
import { createStatusWriter } from './status.ts';
import { sweepLeases } from './sweep-leases.ts';
import { type AgentVolumesSettings, createVolumes } from './volumes/create-volumes.ts';
import { createWatch } from './watch.ts';

/** The operator of one namespace. Any number of them may run; the one that holds the lease writes. */
export interface Operator {
  readonly start: () => void;
  /** Ends what is in work and gives the lease up. */
  readonly stop: () => Promise<void>;
  /** undefined when ready, else what is missing. A standby is ready when its copies are complete and another one leads. */
  readonly unready: () => string | undefined;
  readonly leading: () => boolean;
  /** Looks at every object again, as after a restart. */
  readonly reconcileAll: () => void;
}

export interface OperatorOptions {
  readonly client: KubeClient;
  readonly podName: string;
  readonly metrics: OperatorMetrics;
  /** The lease is lost: the process must exit, for another one may be writing. */
  readonly onLost: () => void;
  readonly log: Logger;
  readonly clock: Clock;
  /** Absent: Agents may have no volumes. Present: the account has the rights for them. */
  readonly agentVolumes?: AgentVolumesSettings | undefined;
  /** Default: 15 s, 10 s and 2 s. */
  readonly leaseTiming?: LeaderTiming | undefined;
}

const tickMs = 1_000;
const sweepMs = 60_000;

export function createOperator(options: OperatorOptions): Operator {
  const { client, podName, metrics, onLost, log, clock } = options;
  const { monotonic } = clock;
  const breathe = createBreather(monotonic);
  let ownerReferences: readonly OwnerReference[] = [];
  let timers: readonly NodeJS.Timeout[] = [];
  /** Who holds the lease, as the watch saw it; '' when nobody does. */
  let leader = '';

  const lead = (): void => {
    metrics.leading.set(1);
    loop.start();
    reporter.start();
    status.start();
    volumes.lead();
    loop.trigger();
  };
  const timing = options.leaseTiming;
  const leadership = createLeadership({ client, candidate: podName, onElected: lead, onLost, log, clock, timing });
  const writing = { client, ownerReferences: () => ownerReferences, demandLeadership: leadership.demand };
  const publisher = createPublisher({ ...writing, identity: leadership.identity, clock, log });
  const shards = createCredentialShards(writing);
  const acknowledgements = createAcknowledgements(clock);
  const ledger = createProgrammingLedger(acknowledgements, monotonic);
  const events = createEventRecorder(client, log);

  const watching = {
    client,
    onMissed: (resource: string, count: number) => metrics.watchMissed.inc({ resource }, count),
    onFailure: (resource: string) => metrics.watchFailures.inc({ resource }),
    log,
    clock,
  };
  const watch = createWatch({
    ...watching,
    onDeclared: (kind, change) => {
      const onlyStatus = change.type === 'modified' && isUnchanged(change.previous, change.object);
      if (onlyStatus) status.check(kind, change.object.metadata.name);
      else loop.trigger();
    },
    onSecret: (change) => {
      const own = shardNames.includes(change.object.metadata.name);
      if (own ? shards.observe(change) : isNews(change)) loop.trigger();
    },
    onConfigMap: (change) => {
      const own = snapshotNames.includes(change.object.metadata.name);
      if (own ? publisher.observe(change) : isNews(change)) loop.trigger();
    },
    onLease: (change) => {
      if (change.object.metadata.name === leaseName) leader = leaderOf(change);
      else if (acknowledgements.take(change)) acknowledged();
    },
  });

  const volumes = createVolumes(options.agentVolumes, {
    ...watching,
    demandLeadership: leadership.demand,
    onChange: () => loop.trigger(),
    onAdopted: events.claimAdopted,
    onOrphans: (count) => metrics.orphanedClaims.set(count),
    onUndone: () => metrics.volumeRolloutsUndone.inc(),
    onError: () => metrics.failures.inc({ controller: 'volumes' }),
  });

  const configurationAudit = createConfigurationAudit({
    managersOf: (kind, name) => watch.declared[kind].get(name)?.metadata.fieldManagers ?? [],
    log,
  });

  const status = createStatusWriter({
    client,
    stored: (kind, name) => watch.declared[kind].get(name),
    ledger,
    events,
    demandLeadership: leadership.demand,
    breathe,
    now: clock.now,
    onWrite: (kind) => metrics.statusWrites.inc({ kind }),
    onError: () => metrics.failures.inc({ controller: 'status' }),
    log,
  });

  const reporter = createReporter({ status, events, audit: configurationAudit, metrics, log });

  const gather = createGather(watch, breathe);
  const namespaceLoop = createNamespaceLoop({
    prepare: async (signal) => {
      await Promise.all([watch.whenSynced(signal), volumes.whenSynced(signal)]);
      ownerReferences = await deploymentOwner(client, log);
    },
    gather: async (published) => {
      const resources = await gather();
      return { ...resources, volumes: volumes.states(resources.agents, published) };
    },
    publisher,
    shards,
    acknowledgements,
    ledger,
    confirmLeadership: leadership.confirm,
    onPublished: ({ sequence }, startedAt) => {
      metrics.reconcileSeconds.observe((monotonic() - startedAt) / 1000);
      if (sequence !== namespaceLoop.publication()?.sequence) metrics.publications.inc();
      metrics.snapshotSequence.set(sequence);
    },
    onCompiled: (compilation) => {
      volumes.act(compilation.content);
      reporter.compiled(compilation);
    },
    onChanged: configurationAudit.published,
    onLost: events.lastGoodLost,
    monotonic,
    log,
  });
  const loop = createCoalescingLoop({
    name: 'namespace',
    run: namespaceLoop.run,
    onError: () => metrics.failures.inc({ controller: 'namespace' }),
    log,
    backoffMaxMs: 30_000,
  });

  let standing = '';
  /** Also by the clock: a replica that says no more is not waited for any longer. */
  const acknowledged = (): void => {
    const now = JSON.stringify([acknowledgements.live(), acknowledgements.byAll(), acknowledgements.byAny()]);
    if (now === standing) return;
    standing = now;
    metrics.liveGateways.set(acknowledgements.live());
    metrics.acknowledgedSequence.set(acknowledgements.byAll() ?? 0);
    status.acknowledged();
    if (namespaceLoop.awaitsAcknowledgements()) loop.trigger();
  };

  const sweep = async (): Promise<void> => {
    if (leadership.leading()) await sweepLeases(client, acknowledgements);
  };

  return {
    start: () => {
      watch.start();
      volumes.startWatching();
      leadership.start();
      const sweepAndLog = () =>
        void sweep().catch((error: unknown) => log.warn({ err: error }, 'cannot delete an abandoned lease'));
      timers = [setInterval(acknowledged, tickMs), setInterval(sweepAndLog, sweepMs)];
    },
    stop: async () => {
      for (const timer of timers) clearInterval(timer);
      await Promise.all([watch.stop(), loop.stop(), reporter.stop(), status.stop(), volumes.stop()]);
      await leadership.stop();
      metrics.leading.set(0);
    },
    unready: () =>
      missingForReadiness({
        synced: watch.synced() && volumes.synced(),
        leading: leadership.leading(),
        identity: leadership.identity,
        leader,
        published: namespaceLoop.publication() !== undefined,
      }),
    leading: leadership.leading,
    reconcileAll: () => {
      loop.trigger();
      status.checkAll();
    },
  };
}

function leaderOf({ type, object }: Change<Lease>): string {
  return type === 'deleted' ? '' : (object.spec?.holderIdentity ?? '');
}

/** Whether a Secret or ConfigMap that is not ours says something new. */
function isNews(change: Change<Secret> | Change<ConfigMap>): boolean {
  return change.type !== 'modified' || !hasSameData(change.previous, change.object);
}

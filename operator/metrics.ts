import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { kinds } from '../crds/common.ts';
import type { ObjectReport } from './translate/report.ts';

/** The operator's metrics and the one registry that `/metrics` prints. */
export interface OperatorMetrics {
  readonly registry: Registry;
  /** 1 while this process leads, else 0. */
  readonly leading: Gauge;
  /** What is counted, when somebody asks, by kind and by whether it is accepted. */
  readonly countObjects: (objects: readonly ObjectReport[]) => void;
  /** From the start of a reconcile of the namespace to the end of its publish. */
  readonly reconcileSeconds: Histogram;
  /** Failed reconciles, by `controller`. */
  readonly failures: Counter<'controller'>;
  readonly snapshotSequence: Gauge;
  /** The sequence that every live gateway serves or is beyond; 0 while none is live. */
  readonly acknowledgedSequence: Gauge;
  readonly publications: Counter;
  /** Status writes, by `kind`. */
  readonly statusWrites: Counter<'kind'>;
  readonly liveGateways: Gauge;
  readonly gatewayKeysRejected: Gauge;
  /** Changes that the watch of a `resource` lost and a relist found. */
  readonly watchMissed: Counter<'resource'>;
  readonly watchFailures: Counter<'resource'>;
  readonly orphanedClaims: Gauge;
  readonly volumeRolloutsUndone: Counter;
  /** 1 when the CRDs in the cluster lack fields that this release knows, else 0. */
  readonly crdsTooOld: Gauge;
}

/** Makes every metric at zero in a registry of its own. */
export function createOperatorMetrics(): OperatorMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string) => new Gauge({ name: `talaria_operator_${name}`, help, registers });
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name: `talaria_operator_${name}`, help, labelNames, registers });
  let reported: readonly ObjectReport[] = [];
  new Gauge({
    name: 'talaria_operator_objects',
    help: 'Agents, Routes and CronJobs, by whether their newest generation is accepted.',
    labelNames: ['kind', 'accepted'],
    registers,
    collect() {
      for (const { labels, count } of countObjects(reported)) this.set(labels, count);
    },
  });
  return {
    registry,
    leading: gauge('leading', 'Whether this process leads.'),
    countObjects: (objects) => {
      reported = objects;
    },
    reconcileSeconds: new Histogram({
      name: 'talaria_operator_reconcile_seconds',
      help: 'Time from the start of a reconcile of the namespace until its snapshot is published.',
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers,
    }),
    failures: counter('reconcile_failures_total', 'Reconciles that failed.', ['controller']),
    snapshotSequence: gauge('snapshot_sequence', 'Sequence of the published snapshot.'),
    acknowledgedSequence: gauge(
      'acknowledged_sequence',
      'Sequence that every live gateway serves or is beyond; 0 while none is live.',
    ),
    publications: counter('publications_total', 'Snapshots published.', []),
    statusWrites: counter('status_writes_total', 'Writes of a status.', ['kind']),
    liveGateways: gauge('live_gateways', 'Gateway replicas that renew their acknowledgement.'),
    gatewayKeysRejected: gauge(
      'gateway_keys_rejected',
      'Gateway keys that are faulty; they keep their last good form.',
    ),
    watchMissed: counter('watch_missed_total', 'Changes that a watch lost and a relist found.', ['resource']),
    watchFailures: counter('watch_failures_total', 'Lists and watches that failed; they are repeated.', ['resource']),
    orphanedClaims: gauge('orphaned_claims', 'Claims that were made for Agents that are gone.'),
    volumeRolloutsUndone: counter(
      'volume_rollouts_undone_total',
      'Rollouts of the gateways that were undone because volumes of Agents held them up.',
      [],
    ),
    crdsTooOld: gauge('crds_too_old', 'Whether the CRDs in the cluster lack fields that this release knows.'),
  };
}

/** Objects by kind and by whether their newest generation is accepted. */
function countObjects(
  objects: readonly ObjectReport[],
): readonly { readonly labels: ObjectLabels; readonly count: number }[] {
  return Object.keys(kinds).flatMap((kind) => {
    const ofKind = objects.filter((report) => report.kind === kind);
    const accepted = ofKind.filter(({ verdicts }) =>
      verdicts.some(({ type, status }) => type === 'Accepted' && status === 'True'),
    );
    return [
      { labels: { kind, accepted: 'true' }, count: accepted.length },
      { labels: { kind, accepted: 'false' }, count: ofKind.length - accepted.length },
    ];
  });
}

type ObjectLabels = Record<'kind' | 'accepted', string>;

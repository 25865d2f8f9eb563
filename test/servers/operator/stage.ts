import path from 'node:path';
import { inject } from 'vitest';
import { createKubeClient } from '../../../core/kube/client.ts';
import type { LeaderTiming } from '../../../core/kube/leader.ts';
import { agents, cronJobs, routes } from '../../../core/kube/resources.ts';
import type { KubeClient, KubeObject } from '../../../core/kube/types.ts';
import { systemClock } from '../../../core/lib/clock.ts';
import { createLogger, type Logger } from '../../../core/lib/log.ts';
import type { Kind } from '../../../crds/common.ts';
import { createAcknowledger } from '../../../gateway/config/acknowledge.ts';
import { createClusterSource } from '../../../gateway/config/cluster-source.ts';
import type { Configuration } from '../../../gateway/config/source.ts';
import { createOperatorMetrics } from '../../../operator/metrics.ts';
import type { Condition } from '../../../operator/object-status.ts';
import { createOperator, type Operator } from '../../../operator/operator.ts';
import type { AgentVolumesSettings } from '../../../operator/volumes/create-volumes.ts';
import { installChart, type TalariaComponent, writeComponentKubeconfig } from '../../harness/install-chart.ts';
import { createNamespace, type TestNamespace } from '../../harness/namespace.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';
import { waitFor } from '../../harness/wait-for.ts';

/** A namespace in which the chart is installed, and operators and gateway replicas of this process with its rights. */
export interface Stage {
  readonly namespace: TestNamespace;
  /** Has every right. */
  readonly client: KubeClient;
  /** Installs the chart again, with these values. */
  readonly install: (...flags: readonly string[]) => Promise<void>;
  readonly startOperator: (options?: OperatorOptions) => RunningOperator;
  /** Something that serves snapshots as a gateway does. */
  readonly startReplica: (name: string) => Promise<Replica>;
  readonly stop: () => Promise<void>;
}

export interface OperatorOptions {
  readonly leaseTiming?: LeaderTiming;
  readonly agentVolumes?: AgentVolumesSettings;
  /** Stands between the operator and the API server. */
  readonly wrap?: (client: KubeClient) => KubeClient;
  readonly podName?: string;
  /** Default: one that says nothing. */
  readonly log?: Logger;
}

export interface RunningOperator extends Operator {
  readonly lost: () => boolean;
  /** How many times it has gone over the whole namespace. */
  readonly passes: () => Promise<number>;
}

export interface Replica {
  readonly configuration: () => Configuration | undefined;
  /** It takes no further snapshot and goes on to renew what it acknowledged last. */
  readonly freeze: () => Promise<void>;
  /** As a graceful end: the acknowledgement is deleted. */
  readonly stop: () => Promise<void>;
}

/** An object with what tests look at. */
export interface Stored extends KubeObject {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: {
    readonly observedGeneration: number;
    readonly conditions: readonly Condition[];
    readonly [field: string]: unknown;
  };
}

const resources = { Agent: agents, Route: routes, CronJob: cronJobs };
const silent = createLogger('test', 'silent');

/** `flags` are further values of the chart, as helm takes them. */
export function createStage(...flags: readonly string[]): Promise<Stage> {
  return createStageOn(inject('kubeconfig'), ...flags);
}

/** The same on an API server of the test's own, which must have the CRDs. */
export async function createStageOn(kubeconfig: string, ...flags: readonly string[]): Promise<Stage> {
  const namespace = await createNamespace(kubeconfig);
  await installChart(kubeconfig, namespace.name, flags);
  const folder = await temporaryFolder('stage');
  const client = createKubeClient({ kubeconfig, namespace: namespace.name, fieldManager: 'tester' });
  const stops: (() => Promise<void>)[] = [client.close];

  const account = (component: TalariaComponent) => path.join(folder, `${component}.kubeconfig`);
  for (const component of ['operator', 'gateway'] as const) {
    await writeComponentKubeconfig(account(component), kubeconfig, namespace.name, component);
  }
  const clientOf = (component: TalariaComponent): KubeClient => {
    const fieldManager = `talaria-${component}`;
    const made = createKubeClient({ kubeconfig: account(component), namespace: namespace.name, fieldManager });
    stops.push(made.close);
    return made;
  };

  return {
    namespace,
    client,
    install: (...values) => installChart(kubeconfig, namespace.name, values),
    startOperator: ({
      wrap = (same: KubeClient) => same,
      podName = 'talaria-operator-0',
      leaseTiming,
      agentVolumes,
      log = silent,
    } = {}) => {
      let lost = false;
      const metrics = createOperatorMetrics();
      const operator = createOperator({
        client: wrap(clientOf('operator')),
        podName,
        metrics,
        onLost: () => {
          lost = true;
        },
        log,
        clock: systemClock,
        leaseTiming,
        agentVolumes,
      });
      operator.start();
      stops.push(operator.stop);
      const passes = async () => {
        const { values } = await metrics.reconcileSeconds.get();
        return values.find(({ metricName }) => metricName?.endsWith('_count'))?.value ?? 0;
      };
      return { ...operator, lost: () => lost, passes };
    },
    startReplica: async (name) => {
      const replica = await startReplica(clientOf('gateway'), name);
      stops.push(replica.stop);
      return replica;
    },
    stop: async () => {
      for (const stop of stops.toReversed()) await stop();
    },
  };
}

async function startReplica(client: KubeClient, podName: string): Promise<Replica> {
  let current: Configuration | undefined;
  const source = createClusterSource({ client, log: silent, clock: systemClock });
  const acknowledger = createAcknowledger({ client, podName, log: silent, clock: systemClock });
  await source.start(async (configuration) => {
    current = configuration;
    acknowledger.serving(configuration.snapshot.sequence, configuration.snapshot.revision);
  });
  return {
    configuration: () => current,
    freeze: source.stop,
    stop: async () => {
      await source.stop();
      await acknowledger.stop();
    },
  };
}

/** An object as it is stored now. */
export async function read({ client }: Stage, kind: Kind, name: string): Promise<Stored> {
  const object = await client.get<KubeObject>(resources[kind], name);
  if (object === undefined) throw new Error(`there is no ${kind} ${name}`);
  return object as Stored;
}

/** Waits until the status is about the newest generation and its conditions are these, each written `Type=Status Reason`. */
export async function settled(stage: Stage, kind: Kind, name: string, expected: readonly string[]): Promise<Stored> {
  const wanted = expected.toSorted();
  return await waitFor(`${kind} ${name} to have ${wanted.join(', ')}`, async () => {
    const object = await read(stage, kind, name);
    const found = short(object);
    if (object.status.observedGeneration !== object.metadata.generation)
      throw new Error('the status is of an older generation');
    if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`it has ${found.join(', ')}`);
    return object;
  });
}

/** The conditions, each written `Type=Status Reason`. */
export function short({ status }: Stored): readonly string[] {
  return status.conditions.map(({ type, status: value, reason }) => `${type}=${value} ${reason}`).sort();
}

/** Conditions of an object that is in force everywhere. */
export const readyRoute = [
  'Accepted=True Accepted',
  'Programmed=True Programmed',
  'Ready=True Ready',
  'ResolvedRefs=True ResolvedRefs',
];
export const readyAgent = [...readyRoute, 'ProfileReady=True ProfileReady'];

import path from 'node:path';
import { parseArgs } from 'node:util';
import { collectDefaultMetrics } from 'prom-client';
import { createKubeClient } from '../core/kube/client.ts';
import type { KubeClient } from '../core/kube/types.ts';
import { systemClock } from '../core/lib/clock.ts';
import { createLogger } from '../core/lib/log.ts';
import { onShutdown } from '../core/lib/shutdown.ts';
import { profileFields } from './agent/bound-profile.ts';
import { createAcknowledger } from './config/acknowledge.ts';
import { createClusterAgentStatus } from './config/cluster-agent-status.ts';
import { createClusterJobStatus } from './config/cluster-job-status.ts';
import { createClusterSource } from './config/cluster-source.ts';
import { defaultGatewayConfig, type GatewayConfig, readGatewayConfig } from './config/config-file.ts';
import { type GatewayEnvironment, readEnvironment } from './config/environment.ts';
import { readNamespaceUid } from './config/namespace-uid.ts';
import { createGateway } from './gateway.ts';
import { createMetrics } from './metrics.ts';
import { openTracing } from './tracing/open-telemetry.ts';

/** One replica of the gateway in a cluster: reads environment and configuration, puts the parts together, serves. */
async function main(): Promise<void> {
  const { environment, config } = await readSettings().catch((error: unknown) => fail(2, messageOf(error)));
  const log = createLogger('gateway', environment.logLevel, profileFields);
  const metrics = createMetrics();
  collectDefaultMetrics({ register: metrics.registry });
  const { podName, podUid, credentialsDir, stateDir, namespace } = environment;
  const resource = {
    'service.name': 'talaria-gateway',
    'service.instance.id': podName,
    'k8s.namespace.name': namespace,
  };
  const tracing = environment.tracing && (await openTracing(environment.tracing, { resource, ...metrics, log }));
  const client = openCluster(environment);
  const acknowledger = createAcknowledger({ client, podName, podUid, log, clock: systemClock });
  const gateway = createGateway({
    source: createClusterSource({
      client,
      localCopyDir: below(stateDir, 'snapshot'),
      credentialsDir,
      log,
      clock: systemClock,
      metrics: {
        rejected: (reason) => metrics.configRejected.inc({ reason }),
        missed: (count) => metrics.watchMissed.inc(count),
      },
    }),
    jobStatus: createClusterJobStatus(client, log),
    agentStatus: createClusterAgentStatus(client, log),
    databaseUrl: environment.databaseUrl,
    databaseDirectUrl: environment.databaseDirectUrl,
    namespaceUid: () => readNamespaceUid(client.namespaceUid, below(stateDir, 'state')),
    config,
    listen: environment.listen,
    standalone: false,
    replica: podName,
    stateDir: below(stateDir, 'state'),
    homesDir: environment.homesDir,
    onServing: ({ sequence, revision }) => acknowledger.serving(sequence, revision),
    metrics,
    tracing,
    log,
    clock: systemClock,
  });
  const stop = async () => {
    log.info('stopping');
    await Promise.all([acknowledger.stop(), gateway.stop()]);
    await client.close();
  };
  onShutdown(stop, config.limits.drainSeconds * 1_000 + stopBudgetMs);
  try {
    const { address } = await gateway.start();
    log.info({ address }, 'serving');
  } catch (error) {
    log.fatal({ err: error }, 'the gateway cannot start');
    process.exit(1);
  }
}

/** What stopping may take beside the drain. */
const stopBudgetMs = 8_000;

async function readSettings(): Promise<{ environment: GatewayEnvironment; config: GatewayConfig }> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  const environment = readEnvironment(process.env);
  const config = values.config === undefined ? defaultGatewayConfig : await readGatewayConfig(values.config);
  return { environment, config };
}

function openCluster({ kubeconfig, namespace, podName }: GatewayEnvironment): KubeClient {
  try {
    return createKubeClient({ kubeconfig, namespace, fieldManager: 'talaria-gateway', instance: podName });
  } catch (error) {
    return fail(2, `KUBECONFIG cannot be used, give the path of a kubeconfig file: ${messageOf(error)}`);
  }
}

function below(folder: string | undefined, name: string): string | undefined {
  return folder === undefined ? undefined : path.join(folder, name);
}

function fail(code: number, message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

await main();

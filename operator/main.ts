import { createKubeClient } from '../core/kube/client.ts';
import { systemClock } from '../core/lib/clock.ts';
import { createLogger } from '../core/lib/log.ts';
import { onShutdown } from '../core/lib/shutdown.ts';
import { EnvironmentError, type OperatorConfig, readEnvironment } from './environment.ts';
import { createProbeServer } from './http.ts';
import { createOperatorMetrics } from './metrics.ts';
import { createOperator } from './operator.ts';
import { missingFields } from './served-crds.ts';

/** Shorter than the time that a pod has for its end by default (30 s). */
const stopBudgetMs = 20_000;
const wrongEnvironment = 2;

const config = configOrExit();
const log = createLogger('talaria-operator', config.logLevel);
const metrics = createOperatorMetrics();
const client = createKubeClient({
  kubeconfig: config.kubeconfig,
  namespace: config.namespace,
  fieldManager: 'talaria-operator',
  instance: config.podName,
});
const operator = createOperator({
  client,
  podName: config.podName,
  metrics,
  onLost: () => {
    log.fatal('another operator may lead now, so this one ends');
    process.exit(1);
  },
  agentVolumes: config.agentVolumes ? {} : undefined,
  log,
  clock: systemClock,
});
const probes = createProbeServer({ listen: config.listen, unready: operator.unready, registry: metrics.registry });

onShutdown(async () => {
  await operator.stop();
  await probes.stop();
  await client.close();
}, stopBudgetMs);

await probes.start();
operator.start();
await warnOfOldCrds();

function configOrExit(): OperatorConfig {
  try {
    return readEnvironment(process.env);
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(wrongEnvironment);
  }
}

async function warnOfOldCrds(): Promise<void> {
  try {
    const missing = await missingFields(client);
    metrics.crdsTooOld.set(missing.length > 0 ? 1 : 0);
    if (missing.length > 0)
      log.error({ missing }, 'the CRDs in the cluster are older than this operator: apply those of its release');
  } catch (error) {
    log.warn({ err: error }, 'cannot compare the CRDs in the cluster with those of this release');
  }
}

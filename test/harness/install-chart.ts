import { externalDatabase, renderChart } from './helm.ts';
import { writeServiceAccountKubeconfig } from './kubeconfig.ts';
import { kubectl } from './kubectl.ts';

/** The processes that the chart gives a ServiceAccount. */
export type TalariaComponent = 'operator' | 'gateway';

/**
 * Puts the chart's objects into a namespace, without its trial database and hooks. Where nothing runs pods, that is
 * its roles in force, and its Deployments as the owners that processes look up. `flags` are further values.
 */
export async function installChart(
  kubeconfig: string,
  namespace: string,
  flags: readonly string[] = [],
): Promise<void> {
  const manifests = await renderChart(namespace, [...externalDatabase, ...flags]);
  await kubectl(kubeconfig, ['apply', '--namespace', namespace, '-f', '-'], manifests);
}

/** Writes a kubeconfig with the token of a component's own ServiceAccount: the rights of the chart and no other. */
export async function writeComponentKubeconfig(
  path: string,
  kubeconfig: string,
  namespace: string,
  component: TalariaComponent,
): Promise<void> {
  await writeServiceAccountKubeconfig(path, kubeconfig, { namespace, name: `talaria-${component}` });
}

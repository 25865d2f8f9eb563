import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { KubeError } from './kube-error.ts';

/**
 * Reads a kubeconfig: one file, or several in a list as in `KUBECONFIG`; without one the pod's own ServiceAccount. `context`
 * takes the place of the file's current context. Throws KubeError `NoCluster` where that leads nowhere.
 */
export function loadKubeConfig(kubeconfig: string | undefined, context?: string): KubeConfig {
  const config = new KubeConfig();
  if (kubeconfig === undefined) loadFromPod(config);
  else loadFromFiles(config, kubeconfig);
  if (context !== undefined) choose(config, context);
  return config;
}

function loadFromFiles(config: KubeConfig, kubeconfig: string): void {
  const [first = '', ...others] = kubeconfig.split(path.delimiter).filter((file) => file !== '');
  load(config, first);
  for (const file of others) {
    const other = new KubeConfig();
    load(other, file);
    addUnknown(config, other);
  }
}

/** What the library says of a file does not name it. */
function load(config: KubeConfig, file: string): void {
  try {
    config.loadFromFile(file);
  } catch (error) {
    const [why = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new KubeError({ status: 0, reason: 'NoCluster', message: `the kubeconfig ${file} cannot be read: ${why}` });
  }
}

/** Of things with one name the first counts, as for kubectl. */
function addUnknown(config: KubeConfig, other: KubeConfig): void {
  const isNew = (known: readonly { readonly name: string }[], name: string) => known.every((one) => one.name !== name);
  for (const each of other.clusters) if (isNew(config.clusters, each.name)) config.addCluster(each);
  for (const each of other.users) if (isNew(config.users, each.name)) config.addUser(each);
  for (const each of other.contexts) if (isNew(config.contexts, each.name)) config.addContext(each);
  config.currentContext ||= other.currentContext;
}

function choose(config: KubeConfig, context: string): void {
  const known = config.getContexts().map(({ name }) => name);
  if (!known.includes(context)) {
    const message = `the kubeconfig has no context "${context}"; it has ${known.join(', ') || 'none'}`;
    throw new KubeError({ status: 0, reason: 'NoCluster', message });
  }
  config.setCurrentContext(context);
}

/** Outside a pod the library makes an address of the missing variables, which would fail later and tell nothing. */
function loadFromPod(config: KubeConfig): void {
  config.loadFromCluster();
  if (config.getCurrentCluster()?.server !== 'https://undefined:undefined') return;
  const message = 'this process runs in no pod, and no kubeconfig was given; name one';
  throw new KubeError({ status: 0, reason: 'NoCluster', message });
}

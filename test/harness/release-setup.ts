import type { TestProject } from 'vitest/node';
import { createCluster } from '../../cli/cluster/cluster.ts';
import { connectRelease, type Release } from './release.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The Talaria under test of the project `release`. */
    readonly release: Release;
  }
}

/**
 * The release that the project `release` tests: the one in the cluster that TALARIA_E2E_KUBECONFIG names, else a cluster
 * of processes as `npm run cluster` makes it. Returns what stops it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const kubeconfig = process.env.TALARIA_E2E_KUBECONFIG;
  if (kubeconfig !== undefined) {
    const { stop, ...release } = await connectRelease(kubeconfig, process.env.TALARIA_E2E_NAMESPACE ?? 'talaria');
    project.provide('release', release);
    return stop;
  }
  const lines: string[] = [];
  const cluster = createCluster({ replicas: 2, directory: undefined, say: (line) => lines.push(line) });
  try {
    project.provide('release', { ...(await cluster.start()), namespace: 'default' });
  } catch (error) {
    await cluster.stop();
    throw new Error(`the cluster did not start; it said: ${lines.join('; ')}`, { cause: error });
  }
  return cluster.stop;
}

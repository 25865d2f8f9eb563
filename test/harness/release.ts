import { startTethered } from '../../cli/dev/tethered-process.ts';
import { controlPlaneBinaries } from './binaries.ts';
import { kubectl } from './kubectl.ts';
import { waitFor } from './wait-for.ts';

/** A Talaria that runs, wherever it does. */
export interface Release {
  readonly kubeconfig: string;
  readonly namespace: string;
  /** Addresses under which gateways answer; at least one. */
  readonly gateways: readonly string[];
  /** A key for all agents. */
  readonly apiKey: string;
}

/**
 * Reaches the trial release that the chart installed in a namespace of a cluster: its key, and a forwarded port of its
 * Service. `stop` ends the forwarding.
 */
export async function connectRelease(
  kubeconfig: string,
  namespace: string,
): Promise<Release & { readonly stop: () => Promise<void> }> {
  const inNamespace = ['--namespace', namespace];
  const readKey = ['get', 'secret', 'talaria-trial-key', ...inNamespace, '-o', 'jsonpath={.data.key}'];
  const apiKey = Buffer.from(await kubectl(kubeconfig, readKey), 'base64').toString();
  const binaries = await controlPlaneBinaries();
  const forward = ['port-forward', 'service/talaria-gateway', ':http', ...inNamespace];
  const forwarding = await startTethered(binaries.kubectl, ['--kubeconfig', kubeconfig, ...forward]);
  const address = await waitFor('kubectl to forward a port', () => {
    if (forwarding.exit() !== undefined) throw new Error(forwarding.output());
    return /Forwarding from (127\.0\.0\.1:\d+)/.exec(forwarding.output())?.[1];
  });
  return {
    kubeconfig,
    namespace,
    gateways: [`http://${address}`],
    apiKey,
    stop: async () => {
      await forwarding.stop('SIGTERM', 5_000);
    },
  };
}

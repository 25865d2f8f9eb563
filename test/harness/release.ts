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
 * Reaches the trial release that the chart installed in a namespace of a cluster: its key, and a forwarded port of each
 * gateway pod. `stop` ends the forwarding.
 */
export async function connectRelease(
  kubeconfig: string,
  namespace: string,
): Promise<Release & { readonly stop: () => Promise<void> }> {
  const talk = (...args: string[]) => kubectl(kubeconfig, ['--namespace', namespace, ...args]);
  const key = await talk('get', 'secret', 'talaria-trial-key', '-o', 'jsonpath={.data.key}');
  const selector = 'app.kubernetes.io/name=talaria,app.kubernetes.io/component=gateway';
  const pods = (await talk('get', 'pods', '-l', selector, '-o', 'name')).trim().split('\n').filter(Boolean);
  if (pods.length === 0)
    throw new Error(`there is no gateway pod in the namespace ${namespace}: install the chart there`);
  const forwarded = await Promise.all(pods.map((pod) => forward(kubeconfig, namespace, pod)));
  return {
    kubeconfig,
    namespace,
    gateways: forwarded.map(({ address }) => address),
    apiKey: Buffer.from(key, 'base64').toString(),
    stop: async () => {
      await Promise.all(forwarded.map(({ stop }) => stop()));
    },
  };
}

async function forward(
  kubeconfig: string,
  namespace: string,
  pod: string,
): Promise<{ readonly address: string; readonly stop: () => Promise<unknown> }> {
  const binaries = await controlPlaneBinaries();
  const args = ['--kubeconfig', kubeconfig, '--namespace', namespace, 'port-forward', pod, ':http'];
  const forwarding = await startTethered(binaries.kubectl, args);
  const address = await waitFor(`kubectl to forward a port of ${pod}`, () => {
    if (forwarding.exit() !== undefined) throw new Error(forwarding.output());
    return /Forwarding from (127\.0\.0\.1:\d+)/.exec(forwarding.output())?.[1];
  });
  return { address: `http://${address}`, stop: () => forwarding.stop('SIGTERM', 5_000) };
}

import { homedir } from 'node:os';
import path from 'node:path';
import { findRunningDevs, type RunningDev } from '../dev/address-file.ts';
import { isKubectlPlugin } from '../program.ts';
import { NoGateway } from './failures.ts';

/** What a person says about the gateway. */
export interface GatewayOptions {
  readonly gateway?: string | undefined;
  readonly key?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
}

/** The gateway that is meant. */
export type GatewayPlace =
  | { readonly kind: 'url'; readonly url: string; readonly key: string | undefined }
  | {
      readonly kind: 'cluster';
      readonly kubeconfig: string;
      readonly context: string | undefined;
      readonly namespace: string | undefined;
      /** Undefined: one of the cluster's own. */
      readonly key: string | undefined;
    };

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Each `talaria dev` that serves from the current folder. */
  readonly devs: readonly RunningDev[];
  /** A plugin of kubectl means the cluster, unless `--gateway` says otherwise. */
  readonly isPlugin?: boolean;
  /** Whether a file is there. */
  readonly exists: (file: string) => boolean;
}

/**
 * Decides which gateway is meant; the first of these that says something: `--gateway`; `--context`, `--namespace` or
 * `--kubeconfig`, which mean the cluster; the variable TALARIA_GATEWAY; a `talaria dev` that runs from this folder; the
 * kubeconfig's cluster. A plugin of kubectl means the cluster alone. Throws NoGateway when none does. A `talaria dev` that was found gets a key only from `--key`.
 */
export function chooseGateway(
  options: GatewayOptions,
  { environment, devs, isPlugin = false, exists }: Surroundings,
): GatewayPlace {
  const key = options.key ?? given(environment.TALARIA_API_KEY);
  if (options.gateway !== undefined) return { kind: 'url', url: checkUrl(options.gateway, '--gateway'), key };
  const { kubeconfig, context, namespace } = options;
  const meansCluster = isPlugin || kubeconfig !== undefined || context !== undefined || namespace !== undefined;
  const url = given(environment.TALARIA_GATEWAY);
  if (!meansCluster && url !== undefined) return { kind: 'url', url: checkUrl(url, 'TALARIA_GATEWAY'), key };
  const [dev, another] = devs;
  if (!meansCluster && another !== undefined) throw new NoGateway(severalDevs(devs));
  if (!meansCluster && dev !== undefined) return { kind: 'url', url: dev.address, key: options.key };
  const file = kubeconfig ?? usualKubeconfig(environment, exists);
  if (file !== undefined) return { kind: 'cluster', kubeconfig: file, context, namespace, key };
  throw new NoGateway(meansCluster ? noKubeconfig : nothingKnown);
}

/** What `chooseGateway` needs to know of this process and its folder. */
export async function lookAround(exists: (file: string) => boolean): Promise<Surroundings> {
  return { environment: process.env, devs: await findRunningDevs('.'), isPlugin: isKubectlPlugin(), exists };
}

function usualKubeconfig(
  environment: Surroundings['environment'],
  exists: (file: string) => boolean,
): string | undefined {
  const listed = (given(environment.KUBECONFIG) ?? '').split(path.delimiter).filter((file) => exists(file));
  if (listed.length > 0) return listed.join(path.delimiter);
  const usual = path.join(given(environment.HOME) ?? homedir(), '.kube', 'config');
  return exists(usual) ? usual : undefined;
}

function checkUrl(text: string, name: string): string {
  const url = URL.parse(text);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
  throw new NoGateway(`${name} is "${text}"; write it as http://HOST:PORT or https://HOST.`);
}

function given(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}

function severalDevs(devs: readonly RunningDev[]): string {
  return `Several "talaria dev" run from this folder. Name one: ${devs.map(({ address }) => `--gateway ${address}`).join(' or ')}.`;
}

const noKubeconfig =
  'There is no kubeconfig: neither KUBECONFIG nor ~/.kube/config names a file. Give --kubeconfig FILE.';
const nothingKnown =
  'No gateway is known: no "talaria dev" runs from this folder and there is no kubeconfig. Give --gateway URL, or run this where "talaria dev" was started.';

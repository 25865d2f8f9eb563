import { writeFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { kubectl } from './kubectl.ts';

/** Where an API server is and how to trust it. */
export interface ClusterAccess {
  readonly server: string;
  /** PEM. */
  readonly certificateAuthority: string;
}

export interface ServiceAccountRef {
  readonly namespace: string;
  readonly name: string;
}

/** Writes a kubeconfig (JSON, mode 600) with one cluster, one user and one context. */
export async function writeKubeconfig(
  path: string,
  cluster: ClusterAccess,
  token: string,
  namespace = 'default',
): Promise<void> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'talaria',
        cluster: {
          server: cluster.server,
          'certificate-authority-data': Buffer.from(cluster.certificateAuthority).toString('base64'),
        },
      },
    ],
    users: [{ name: 'talaria', user: { token } }],
    contexts: [{ name: 'talaria', context: { cluster: 'talaria', user: 'talaria', namespace } }],
    'current-context': 'talaria',
  };
  await writeFile(path, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}

/**
 * Writes a kubeconfig for a ServiceAccount, with a token from the API server's TokenRequest that is good for a month.
 * The ServiceAccount must exist. `adminKubeconfig` may be any cluster's.
 */
export async function writeServiceAccountKubeconfig(
  path: string,
  adminKubeconfig: string,
  account: ServiceAccountRef,
): Promise<void> {
  const request = ['create', 'token', account.name, '--namespace', account.namespace, '--duration=720h'];
  const [token, cluster] = await Promise.all([kubectl(adminKubeconfig, request), clusterAccess(adminKubeconfig)]);
  await writeKubeconfig(path, cluster, token.trim(), account.namespace);
}

/** The API server that the current context of a kubeconfig names. */
export async function clusterAccess(kubeconfig: string): Promise<ClusterAccess> {
  const view = ['config', 'view', '--minify', '--raw', '--flatten'];
  const config = parse(await kubectl(kubeconfig, view)) as KubeconfigFile;
  const cluster = config.clusters[0]?.cluster;
  const authority = cluster?.['certificate-authority-data'];
  if (cluster === undefined || authority === undefined) {
    throw new Error(`the kubeconfig ${kubeconfig} names no cluster with a certificate authority`);
  }
  return { server: cluster.server, certificateAuthority: Buffer.from(authority, 'base64').toString() };
}

interface KubeconfigFile {
  readonly clusters: readonly {
    readonly cluster: { readonly server: string; readonly 'certificate-authority-data'?: string };
  }[];
}

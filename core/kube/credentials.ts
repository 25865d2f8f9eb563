import type https from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import type { KubeConfig } from '@kubernetes/client-node';
import { loadKubeConfig } from './kube-config.ts';
import { KubeError } from './kube-error.ts';

/** What one request needs: where to, with which TLS identity, with which headers. */
export interface Credentials {
  /** Without a trailing slash. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsIdentity;
  readonly proxyUrl: string | undefined;
}

/** Whom to trust and who we are. */
export type TlsIdentity = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'rejectUnauthorized' | 'servername'
>;

export interface CredentialSource {
  /** Namespace of the current context or of the pod's ServiceAccount. */
  readonly namespace: string | undefined;
  /** The credentials to use now; read again after `refreshMs`, so that rotated tokens and certificates are taken up. */
  readonly current: () => Promise<Credentials>;
  /** The server refused these credentials: the next `current` reads everything anew, exec plugins included. */
  readonly refuse: (refused: Credentials) => void;
}

/** Projected tokens are renewed by the kubelet long before they expire; once a minute is what client-go does too. */
const refreshMs = 60_000;
const execDeadlineMs = 30_000;

/** Where credentials come from; see `loadKubeConfig`. */
export interface KubeConfigChoice {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

/** Credentials from a kubeconfig (with all its auth methods), or without one from the pod's ServiceAccount. */
export function createCredentialSource(
  { kubeconfig, context }: KubeConfigChoice,
  monotonic: () => number,
): CredentialSource {
  let config = loadKubeConfig(kubeconfig, context);
  let held: { credentials: Credentials; readAt: number } | undefined;
  let reading: Promise<Credentials> | undefined;

  const read = async (): Promise<Credentials> => {
    const credentials = await credentialsOf(config);
    held = { credentials, readAt: monotonic() };
    return credentials;
  };

  return {
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    current: async () => {
      if (held !== undefined && monotonic() - held.readAt < refreshMs) return held.credentials;
      reading ??= read().finally(() => {
        reading = undefined;
      });
      return await reading;
    },
    refuse: (refused) => {
      if (held?.credentials !== refused) return;
      held = undefined;
      config = loadKubeConfig(kubeconfig, context);
    },
  };
}

async function credentialsOf(config: KubeConfig): Promise<Credentials> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new KubeError({
      status: 0,
      reason: 'NoCluster',
      message: 'the kubeconfig names no cluster in its current context; set current-context',
    });
  }
  const options: https.RequestOptions & { headers: Record<string, string> } = { headers: {} };
  await withDeadline(config.applyToHTTPSOptions(options), cluster.server);
  return {
    server: cluster.server.replace(/\/+$/, ''),
    headers: options.headers,
    tls: tlsOf(options),
    proxyUrl: cluster.proxyUrl,
  };
}

function tlsOf({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername }: https.RequestOptions): TlsIdentity {
  return { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
}

/** An exec plugin may wait for a person who is not there. */
async function withDeadline(work: Promise<void>, server: string): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const message = `credentials for ${server} were not ready within ${execDeadlineMs} ms; check the exec plugin of the kubeconfig`;
  const timer = setTimeout(() => reject(new KubeError({ status: 0, reason: 'Deadline', message })), execDeadlineMs);
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

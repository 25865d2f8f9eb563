import { createKubeClient } from '../../core/kube/client.ts';
import { secrets } from '../../core/kube/resources.ts';
import { gatewayKeySecret, randomKey } from '../trial-secrets.ts';

const secretName = 'talaria-cluster-key';

/** The gateway key that this program made in the namespace, now or in an earlier run. */
export async function keptGatewayKey(kubeconfig: string, namespace: string): Promise<string> {
  const client = createKubeClient({ kubeconfig, namespace, fieldManager: 'talaria-cluster' });
  try {
    const secret =
      (await client.get(secrets, secretName)) ??
      (await client.create(secrets, gatewayKeySecret(secretName, randomKey())));
    return Buffer.from(secret.data?.key ?? '', 'base64').toString();
  } finally {
    await client.close();
  }
}

import { hasStatus } from '../core/kube/kube-error.ts';
import { apiVersionOf, deployments } from '../core/kube/resources.ts';
import type { KubeClient, OwnerReference } from '../core/kube/types.ts';
import type { Logger } from '../core/lib/log.ts';

const deploymentName = 'talaria-operator';

/**
 * The Deployment of the operator as the owner of what the operator makes, so that an uninstall takes that along. None
 * when there is no such Deployment, as where the operator runs outside the cluster.
 */
export async function deploymentOwner(
  client: Pick<KubeClient, 'get'>,
  log: Logger,
): Promise<readonly OwnerReference[]> {
  try {
    const uid = (await client.get(deployments, deploymentName))?.metadata.uid;
    if (uid === undefined) return [];
    return [{ apiVersion: apiVersionOf(deployments), kind: deployments.kind, name: deploymentName, uid }];
  } catch (error) {
    if (!hasStatus(error, 403)) throw error;
    log.warn({ err: error }, 'the own Deployment may not be read, so the snapshot stays after an uninstall');
    return [];
  }
}

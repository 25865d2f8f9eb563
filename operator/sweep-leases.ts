import { leases } from '../core/kube/resources.ts';
import type { KubeClient } from '../core/kube/types.ts';
import type { Acknowledgements } from './acknowledgements.ts';

/** Deletes the Leases of replicas that are gone for long. One that was renewed meanwhile stays: KubeError 409. */
export async function sweepLeases(
  client: Pick<KubeClient, 'delete'>,
  { abandoned }: Pick<Acknowledgements, 'abandoned'>,
): Promise<void> {
  for (const { metadata } of abandoned()) {
    const { name, uid, resourceVersion } = metadata;
    await client.delete(leases, name, { uid, resourceVersion });
  }
}

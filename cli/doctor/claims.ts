import { type Finding, findings } from './finding.ts';
import { type Reading, unread } from './reading.ts';
import type { Claim } from './workload-objects.ts';

/** Whether the volumes that Talaria claims are there. */
export function judgeClaims(claims: Reading<readonly Claim[]>): readonly Finding[] {
  const { ok, fail } = findings('volumes');
  if ('failure' in claims) return [unread('volumes', 'The claims of volumes', claims.failure)];
  const unbound = claims.value.filter(({ status }) => status?.phase !== 'Bound');
  if (unbound.length > 0) return unbound.map((claim) => fail(causeOf(claim), cureOf(claim)));
  return claims.value.length === 0 ? [] : [ok(`${claims.value.length} bound`)];
}

function causeOf({ metadata, status }: Claim): string {
  if (status?.phase === 'Lost') return `The claim ${metadata.name} has lost its volume.`;
  return `The claim ${metadata.name} is ${status?.phase ?? 'Pending'}: no volume is bound to it.`;
}

function cureOf({ metadata, spec, status }: Claim): string {
  if (status?.phase === 'Lost') return 'Restore the volume, or delete the claim and restore the data from a backup.';
  const storageClass = spec?.storageClassName;
  const which =
    storageClass === undefined ? 'a default StorageClass' : `a StorageClass ${storageClass} with a provisioner`;
  return `See that the cluster has ${which}: kubectl describe pvc ${metadata.name} says what it waits for.`;
}

import { sha256 } from '../lib/hash.ts';

/** ConfigMap that holds the index, under `indexKey`. All names are fixed, so that RBAC can list them one by one. */
export const snapshotIndexName = 'talaria-snapshot';
export const indexKey = 'index.json';

/** A snapshot has one bucket while it is small, else this many. */
export const maxBuckets = 64;

export type Slot = 'a' | 'b';

/** ConfigMap of one slot of a bucket: `talaria-snapshot-00a`. */
export function bucketName(bucket: number, slot: Slot): string {
  return `${snapshotIndexName}-${twoDigits(bucket)}${slot}`;
}

/** The slot that is not live: a new text is written there before the index names it. */
export function otherSlot(slot: Slot): Slot {
  return slot === 'a' ? 'b' : 'a';
}

/** Which of `count` buckets holds the object with this uid. */
export function bucketOf(uid: string, count: number): number {
  return hashNumber(uid) % count;
}

export const credentialShardCount = 16;

/** Secret of one shard: `talaria-credentials-00` to `-15`. */
export function credentialShardName(shard: number): string {
  return `talaria-credentials-${twoDigits(shard)}`;
}

/** `coder.model.k3f9` -> `coder.model`: what a value is for, without its version. */
export function logicalCredentialName(credentialName: string): string {
  return credentialName.slice(0, Math.max(0, credentialName.lastIndexOf('.')));
}

/** Number of the shard that holds every version of the credential with this logical name. */
export function credentialShardOf(logicalName: string): number {
  return hashNumber(logicalName) % credentialShardCount;
}

function hashNumber(text: string): number {
  return Number.parseInt(sha256(text).slice(0, 8), 16);
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0');
}

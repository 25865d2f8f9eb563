import { describe, expect, it } from 'vitest';
import {
  bucketName,
  bucketOf,
  credentialShardCount,
  credentialShardName,
  credentialShardOf,
  logicalCredentialName,
  maxBuckets,
  otherSlot,
} from '../../../../core/snapshot/names.ts';

const uids = Array.from({ length: 4_000 }, (_, index) => `uid-${index}`);

describe('names of stored objects', () => {
  it('are fixed, so that RBAC can list them', () => {
    expect([bucketName(0, 'a'), bucketName(63, 'b')]).toEqual(['talaria-snapshot-00a', 'talaria-snapshot-63b']);
    expect([credentialShardName(0), credentialShardName(15)]).toEqual([
      'talaria-credentials-00',
      'talaria-credentials-15',
    ]);
    expect([otherSlot('a'), otherSlot('b')]).toEqual(['b', 'a']);
  });

  it('spread objects evenly over the buckets and keep each where it is', () => {
    const counts = new Map<number, number>();
    for (const uid of uids) counts.set(bucketOf(uid, maxBuckets), (counts.get(bucketOf(uid, maxBuckets)) ?? 0) + 1);
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: maxBuckets }, (_, index) => index));
    expect(Math.min(...counts.values())).toBeGreaterThan(uids.length / maxBuckets / 2);
    expect(uids.map((uid) => bucketOf(uid, 1))).toEqual(uids.map(() => 0));
  });

  it('keep every version of a credential in one shard', () => {
    const versions = ['coder.model.k3f9', 'coder.model.zz01'].map(logicalCredentialName);
    expect(versions).toEqual(['coder.model', 'coder.model']);
    expect(credentialShardOf('coder.model')).toBeLessThan(credentialShardCount);
    expect(credentialShardOf('coder.model')).toBe(credentialShardOf('coder.model'));
  });
});

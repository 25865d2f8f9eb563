import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../../core/kube/controller.ts';
import type { ConfigMap } from '../../../core/kube/resources.ts';
import { canonicalJson } from '../../../core/lib/json.ts';
import { createLogger } from '../../../core/lib/log.ts';
import { encodeSnapshot, revisionOf } from '../../../core/snapshot/encode.ts';
import { bucketName, indexKey, maxBuckets, snapshotIndexName } from '../../../core/snapshot/names.ts';
import { packBucket } from '../../../core/snapshot/pack.ts';
import { snapshotSchemaVersion } from '../../../core/snapshot/schema.ts';
import { readPublished } from '../../../operator/read-published.ts';
import { manyRoutes } from '../core/snapshot/contents.ts';

const log = createLogger('test', 'silent');

/** ConfigMaps with an index over buckets of these hashes, and the given buckets in slot a. */
function stored(
  hashes: readonly string[],
  buckets: readonly object[] = [],
  major: number = snapshotSchemaVersion.major,
) {
  const index = {
    schema: { ...snapshotSchemaVersion, major },
    revision: revisionOf(major, hashes),
    sequence: 1,
    buckets: hashes.map((sha256) => ({ slot: 'a', sha256 })),
  };
  const objects = new Map<string, ConfigMap>([
    [snapshotIndexName, { metadata: { name: snapshotIndexName }, data: { [indexKey]: canonicalJson(index) } }],
    ...buckets.map((bucket, number): [string, ConfigMap] => {
      const name = bucketName(number, 'a');
      return [name, { metadata: { name }, ...bucket }];
    }),
  ]);
  return (name: string) => objects.get(name);
}

describe('an operator that takes over', () => {
  const { buckets } = encodeSnapshot(manyRoutes(2_000));
  const hashes = buckets.map(({ sha256 }) => sha256);

  it('finds what was published', () => {
    const found = readPublished(stored(hashes, buckets.map(packBucket)), log);
    expect(found.content.routes).toHaveLength(2_000);
    expect(found.index?.sequence).toBe(1);
  });

  it('knows which objects stood in a bucket that cannot be read', () => {
    const { content, isUnreadable } = readPublished(stored(hashes, buckets.slice(0, -1).map(packBucket)), log);
    const lost = manyRoutes(2_000).routes.filter(({ uid }) => isUnreadable(uid));
    expect(lost.length).toBeGreaterThan(0);
    expect(content.routes.length + lost.length).toBe(2_000);
  });

  it('refuses to publish over what only a newer release can read', () => {
    const newer = stored(hashes, [], snapshotSchemaVersion.major + 1);
    expect(() => readPublished(newer, log)).toThrow(TerminalError);
  });

  it('refuses to publish over more buckets than it knows, whose objects it would lose', () => {
    const more = Array.from({ length: maxBuckets + 1 }, () => hashes[0] ?? '');
    expect(() => readPublished(stored(more), log)).toThrow('run that release of the operator');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../../core/lib/hash.ts';
import { canonicalJson } from '../../../../core/lib/json.ts';
import { encodeSnapshot, oneBucketBytes } from '../../../../core/snapshot/encode.ts';
import { bucketOf, maxBuckets } from '../../../../core/snapshot/names.ts';
import type { SnapshotContent } from '../../../../core/snapshot/schema.ts';
import { agentEntry, anyContent, emptyContent, jobEntry, manyRoutes, routeEntry } from './contents.ts';

describe('encodeSnapshot', () => {
  it('gives equal content the same revision and texts, in whatever order its lists stand', () => {
    fc.assert(
      fc.property(anyContent, fc.infiniteStream(fc.nat()), (content, random) => {
        expect(encodeSnapshot(shuffled(content, random))).toEqual(encodeSnapshot(content));
      }),
    );
  });

  it('gives the same result with and without the previous snapshot', () => {
    fc.assert(
      fc.property(anyContent, anyContent, (before, after) => {
        const copy = structuredClone(after);
        expect(encodeSnapshot(after, encodeSnapshot(before))).toEqual(encodeSnapshot(copy));
      }),
    );
  });

  it('writes a small snapshot into one bucket, as the canonical JSON of its content', () => {
    const content = { ...manyRoutes(3), agents: [agentEntry('a')] };
    const { buckets } = encodeSnapshot(content);
    expect(buckets.map((bucket) => bucket.text)).toEqual([canonicalJson(content)]);
    expect(buckets[0]?.sha256).toBe(sha256(canonicalJson(content)));
  });

  it('spreads a snapshot over sixty-four buckets by uid when it is larger than one may be', () => {
    const content = manyRoutes(2_000);
    const { buckets } = encodeSnapshot(content);
    expect(canonicalJson(content).length).toBeGreaterThan(oneBucketBytes);
    expect(buckets).toHaveLength(maxBuckets);
    for (const [index, bucket] of buckets.entries()) {
      const { routes } = JSON.parse(bucket.text) as SnapshotContent;
      expect(routes.every((route) => bucketOf(route.uid, maxBuckets) === index)).toBe(true);
    }
  });

  it('changes exactly one bucket when one Route of many changes, and keeps the others as they are', () => {
    const before = manyRoutes(2_000);
    const routes = before.routes.map((route) => (route.name === 'route-77' ? { ...route, priority: 5 } : route));
    const first = encodeSnapshot(before);
    const second = encodeSnapshot({ ...before, routes }, first);
    const changed = second.buckets.filter((bucket, index) => bucket !== first.buckets[index]);
    expect(changed).toHaveLength(1);
    expect(changed[0]?.text).toContain('"priority":5');
    expect(second.revision).not.toBe(first.revision);
  });

  it('takes every bucket over from the previous snapshot when nothing changed, also from equal copies', () => {
    const content = manyRoutes(2_000);
    const first = encodeSnapshot(content);
    const second = encodeSnapshot(structuredClone(content), first);
    expect(second.revision).toBe(first.revision);
    expect(second.buckets.every((bucket, index) => bucket === first.buckets[index])).toBe(true);
  });

  it('stores a text once in each bucket that needs it, and no text that nobody names', () => {
    const shared = 'shared instructions';
    const texts = { [sha256(shared)]: shared, [sha256('unused')]: 'unused' };
    const agents = Array.from({ length: 64 }, (_, index) => agentEntry(`a${index}`, { instructions: sha256(shared) }));
    const { buckets } = encodeSnapshot({ ...manyRoutes(2_000), agents, texts });
    for (const bucket of buckets) {
      const { agents: held, texts: stored } = JSON.parse(bucket.text) as SnapshotContent;
      expect(stored).toEqual(held.length === 0 ? {} : { [sha256(shared)]: shared });
    }
  });

  it('refuses content that names a text it does not have', () => {
    const content = { ...emptyContent, jobs: [jobEntry('j', sha256('missing'))] };
    expect(() => encodeSnapshot(content)).toThrow(sha256('missing'));
  });

  it('encodes an empty namespace', () => {
    const { buckets, revision } = encodeSnapshot(emptyContent);
    expect(buckets).toHaveLength(1);
    expect(revision).toMatch(/^[0-9a-f]{64}$/);
    expect(encodeSnapshot({ ...emptyContent, routes: [routeEntry('r')] }).revision).not.toBe(revision);
  });
});

function shuffled(content: SnapshotContent, random: fc.Stream<number>): SnapshotContent {
  const mix = <T>(list: readonly T[]): T[] =>
    list
      .map((item) => ({ item, key: random.next().value as number }))
      .sort((a, b) => a.key - b.key)
      .map(({ item }) => item);
  return {
    agents: mix(content.agents),
    routes: mix(content.routes),
    jobs: mix(content.jobs),
    gatewayKeys: mix(content.gatewayKeys),
    texts: Object.fromEntries(mix(Object.entries(content.texts))),
  };
}

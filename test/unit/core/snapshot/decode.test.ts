import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../../core/lib/hash.ts';
import {
  assemble,
  decodeBucket,
  decodeIndex,
  demandNewer,
  SnapshotRejected,
} from '../../../../core/snapshot/decode.ts';
import { type EncodedSnapshot, encodeSnapshot, revisionOf } from '../../../../core/snapshot/encode.ts';
import { type SnapshotIndex, snapshotSchemaVersion } from '../../../../core/snapshot/schema.ts';
import { agentEntry, anyContent, emptyContent, manyRoutes, routeEntry } from './contents.ts';

describe('a stored snapshot', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(anyContent, (content) => {
        const encoded = encodeSnapshot(content);
        expect(decodeAll(encoded)).toEqual({
          revision: encoded.revision,
          sequence: 7,
          content,
          routeParts: expect.any(Array),
        });
      }),
    );
  });

  it('keeps the entry objects of buckets that did not change', () => {
    const encoded = encodeSnapshot(manyRoutes(2_000));
    const buckets = encoded.buckets.map((bucket) => decodeBucket(bucket.text, bucket.sha256));
    const index = decodeIndex(indexText(encoded));
    const first = assemble(index, buckets);
    const second = assemble(index, buckets);
    expect(second.content.routes.every((route, position) => route === first.content.routes[position])).toBe(true);
    expect(second.routeParts.every((part, position) => part === first.routeParts[position])).toBe(true);
    expect(second.routeParts.flat()).toHaveLength(2_000);
  });

  it('lists every kind by name, whichever buckets the entries came from', () => {
    const { content } = decodeAll(encodeSnapshot(manyRoutes(2_000)));
    const names = content.routes.map((route) => route.name);
    expect(names).toEqual([...names].sort());
  });

  it('ignores fields that a newer minor version added', () => {
    const encoded = encodeSnapshot({ ...emptyContent, routes: [routeEntry('r')] });
    const text = (encoded.buckets[0]?.text ?? '').replace('"name":"r",', '"name":"r","novel":{"deep":true},');
    const decoded = decodeBucket(text, sha256(text));
    expect(text).toContain('novel');
    expect(decoded.routes).toEqual([routeEntry('r')]);
    const minor = { ...indexOf(encoded), schema: { major: 1, minor: 99 }, novel: 1 };
    expect(decodeIndex(JSON.stringify(minor)).revision).toBe(encoded.revision);
  });

  it('is read when its schema is one major version older', () => {
    const index = indexOf(encodeSnapshot(emptyContent), snapshotSchemaVersion.major - 1);
    expect(decodeIndex(JSON.stringify(index))).toEqual(index);
  });

  it.each([
    ['a newer major version', 'newer_major', { schema: { major: 2, minor: 0 } }],
    ['a version too old to read', 'invalid', { schema: { major: -1, minor: 0 } }],
    ['no version', 'invalid', { schema: undefined }],
    ['a revision that is not that of its buckets', 'bad_hash', { revision: 'f'.repeat(64) }],
    ['a bucket hash that was edited', 'bad_hash', { buckets: [{ slot: 'a', sha256: '0'.repeat(64) }] }],
    ['no sequence', 'invalid', { sequence: undefined }],
    ['a slot that does not exist', 'invalid', { buckets: [{ slot: 'c', sha256: '0'.repeat(64) }] }],
  ])('is rejected when its index has %s', (_title, reason, change) => {
    const index = { ...indexOf(encodeSnapshot(emptyContent)), ...change };
    expect(reasonOf(() => decodeIndex(JSON.stringify(index)))).toBe(reason);
  });

  it.each(['', '{', 'null', '[]', '"text"', '{"schema":null}'])('is rejected when its index is %j', (text) => {
    expect(reasonOf(() => decodeIndex(text))).toBe('invalid');
  });

  it('is rejected when a bucket is not the one that the index names', () => {
    const [bucket] = encodeSnapshot(emptyContent).buckets;
    expect(reasonOf(() => decodeBucket(`${bucket?.text} `, bucket?.sha256 ?? ''))).toBe('bad_hash');
  });

  it.each(['{', '{}', '{"agents":[{}],"gatewayKeys":[],"jobs":[],"routes":[],"texts":{}}'])(
    'is rejected when a bucket with the right hash is %j',
    (text) => {
      expect(reasonOf(() => decodeBucket(text, sha256(text)))).toBe('invalid');
    },
  );

  it('is rejected when a bucket lacks a text that its Agent names', () => {
    const text = JSON.stringify({ ...emptyContent, agents: [agentEntry('a', { instructions: sha256('gone') })] });
    expect(reasonOf(() => decodeBucket(text, sha256(text)))).toBe('invalid');
  });

  it('is rejected when one of its buckets is not there', () => {
    const encoded = encodeSnapshot(manyRoutes(2_000));
    const buckets = encoded.buckets.slice(1).map((bucket) => decodeBucket(bucket.text, bucket.sha256));
    expect(reasonOf(() => assemble(decodeIndex(indexText(encoded)), buckets))).toBe('missing_bucket');
  });
});

describe('demandNewer', () => {
  const served = { revision: 'r1', sequence: 100 };
  const offered = (sequence: number, revision: string): SnapshotIndex => ({
    schema: snapshotSchemaVersion,
    revision,
    sequence,
    buckets: [],
  });

  it.each([
    ['anything when nothing is served', 1, 'r0', undefined],
    ['a higher sequence', 101, 'r2', served],
    ['what is served already', 100, 'r1', served],
  ])('takes %s', (_title, sequence, revision, current) => {
    expect(() => demandNewer(offered(sequence, revision), current)).not.toThrow();
  });

  it.each([
    ['a lower sequence', 99, 'r2'],
    ['a lower sequence with the content that is served', 99, 'r1'],
    ['the same sequence with other content', 100, 'r2'],
  ])('refuses %s', (_title, sequence, revision) => {
    expect(reasonOf(() => demandNewer(offered(sequence, revision), served))).toBe('lower_sequence');
  });
});

function indexOf(encoded: EncodedSnapshot, major: number = snapshotSchemaVersion.major): SnapshotIndex {
  const hashes = encoded.buckets.map((bucket) => bucket.sha256);
  return {
    schema: { major, minor: 0 },
    revision: revisionOf(major, hashes),
    sequence: 7,
    buckets: hashes.map((hash) => ({ slot: 'a', sha256: hash })),
  };
}

function indexText(encoded: EncodedSnapshot): string {
  return JSON.stringify(indexOf(encoded));
}

function decodeAll(encoded: EncodedSnapshot) {
  const buckets = encoded.buckets.map((bucket) => decodeBucket(bucket.text, bucket.sha256));
  return assemble(decodeIndex(indexText(encoded)), buckets);
}

function reasonOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof SnapshotRejected ? error.reason : `another error: ${error}`;
  }
  return 'not rejected';
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../../core/lib/hash.ts';
import { packBucket, payloadBytes, readableBytes, unpackBucket } from '../../../../core/snapshot/pack.ts';

const bucket = (text: string) => ({ text, sha256: sha256(text) });

describe('the data of a bucket', () => {
  it('unpacks to the text that was packed, whatever its size', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(0, readableBytes), (text, padding) => {
        const whole = text.toWellFormed() + 'é'.repeat(padding / 2);
        expect(unpackBucket(packBucket(bucket(whole)))).toBe(whole);
      }),
      { numRuns: 30 },
    );
  });

  it('is readable JSON up to 256 KiB and compressed beyond', () => {
    const small = packBucket(bucket('x'.repeat(readableBytes)));
    const large = packBucket(bucket('x'.repeat(readableBytes + 1)));
    expect(Object.keys(small)).toEqual(['data']);
    expect(Object.keys(large)).toEqual(['binaryData']);
    expect(payloadBytes(small)).toBe(readableBytes);
    expect(payloadBytes(large)).toBeLessThan(1_000);
  });

  it.each([
    ['nothing', {}],
    ['another key', { data: { other: '{}' } }],
    ['something that is not gzip', { binaryData: { 'bucket.json.gz': 'bm90IGd6aXA=' } }],
  ])('holds no text when it is %s', (_title, stored) => {
    expect(unpackBucket(stored)).toBeUndefined();
  });
});

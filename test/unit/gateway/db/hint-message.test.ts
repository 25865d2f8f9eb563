import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeMessage, encodeHints, encodeTest, type Hint } from '../../../../gateway/db/hint-message.ts';

const from = '0192f0c1-a2b3-7c4d-8e9f-0a1b2c3d4e5f';
const topic = fc.constantFrom('session' as const, 'run' as const, 'events' as const, 'queue' as const);
const id = fc.oneof(fc.uuid(), fc.string({ unit: 'binary' }), fc.constant('\u0000'.repeat(1_000)));

it('every hint comes out as it went in, and every payload is one that PostgreSQL takes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(topic, id), { maxLength: 500 }), (hints) => {
      const payloads = encodeHints(from, hints);
      for (const payload of payloads) expect(Buffer.byteLength(payload)).toBeLessThan(8_000);
      const decoded = payloads.map(decodeMessage);
      expect(decoded.every((message) => message?.from === from)).toBe(true);
      expect(sorted(decoded.flatMap((message) => message?.hints ?? []))).toEqual(sorted(hints));
    }),
    { numRuns: 100 },
  );
});

it('1,000 UUIDs of two topics take five payloads, and none takes none', () => {
  const hints = Array.from(
    { length: 1_000 },
    (_, index): Hint => [
      index % 2 === 0 ? 'run' : 'events',
      `0192f0c1-a2b3-7c4d-8e9f-${String(index).padStart(12, '0')}`,
    ],
  );
  expect(encodeHints(from, hints)).toHaveLength(5);
  expect(encodeHints(from, [])).toEqual([]);
});

it('an id too long for a payload is told as everything of its topic', () => {
  expect(encodeHints(from, [['run', 'x'.repeat(9_000)]]).map(decodeMessage)).toEqual([{ from, hints: [['run', '']] }]);
});

it('a self-test comes out as it went in', () => {
  expect(decodeMessage(encodeTest(from, 'nonce'))).toEqual({ from, hints: [], test: 'nonce' });
});

it('what a newer version tells besides is left out', () => {
  const payload = JSON.stringify({ from, run: ['a'], weather: ['b'], version: 2 });
  expect(decodeMessage(payload)).toEqual({ from, hints: [['run', 'a']] });
});

it.each([
  '',
  'run',
  'null',
  '[]',
  '7',
  '{}',
  '{"from":7}',
  '{"from":"a","run":"b"}',
  '{"from":"a","run":[7]}',
  '{"from":"a","test":7}',
  '{"from":"a","run":["b"',
])('%j is no message', (payload) => {
  expect(decodeMessage(payload)).toBeUndefined();
});

function sorted(hints: readonly Hint[]): readonly string[] {
  return hints.map((hint) => JSON.stringify(hint)).sort();
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextSlice } from '../../../../gateway/limits/slice.ts';

const names = ['requestsPerMinute', 'tokensPerDay', 'maxConcurrentRuns'] as const;

describe('the next slice', () => {
  it('covers those who wait, and beyond them is an eighth of what is left at most', () => {
    const demand = fc.record({
      name: fc.constantFrom(...names),
      needed: fc.nat(1_000),
      left: fc.nat(1_000_000),
      previous: fc.option(fc.record({ size: fc.nat(10_000), lastedMs: fc.nat(100_000) }), { nil: undefined }),
    });
    fc.assert(
      fc.property(demand, (asked) => {
        const size = nextSlice(asked);
        expect(size).toBeGreaterThanOrEqual(Math.max(1, asked.needed));
        expect(size).toBeLessThanOrEqual(Math.max(1, asked.needed, Math.ceil(asked.left / 8)));
      }),
    );
  });

  it('grows while slices are used up in less than a second, stays, and shrinks when one lasts long', () => {
    const next = (size: number, lastedMs: number) =>
      nextSlice({ name: 'requestsPerMinute', needed: 1, left: 100_000, previous: { size, lastedMs } });
    expect([next(10, 100), next(10, 2_000), next(10, 20_000)]).toEqual([40, 10, 5]);
  });

  it('is one request first, and about one turn of tokens', () => {
    const first = (name: (typeof names)[number]) => nextSlice({ name, needed: 1, left: 100_000, previous: undefined });
    expect(names.map(first)).toEqual([1, 1_000, 1]);
  });
});

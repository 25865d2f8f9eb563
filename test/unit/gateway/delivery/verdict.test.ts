import { describe, expect, it } from 'vitest';
import { judge } from '../../../../gateway/delivery/record.ts';

const notSent = (final: boolean, retryAfterMs?: number) =>
  ({ kind: 'not-sent', error: 'no', final, retryAfterMs }) as const;
const middle = () => 1;

describe('after an attempt a delivery', () => {
  it('is sent once the receiver has it', () => {
    expect(judge({ kind: 'sent' }, 1)).toEqual({ status: 'sent' });
  });

  it('is a dead letter when the receiver will never take it, or after the last attempt', () => {
    expect(judge(notSent(true), 1)).toEqual({ status: 'dead', error: 'no' });
    expect(judge(notSent(false), 50)).toEqual({ status: 'dead', error: 'no' });
  });

  it('is sent again after a delay that doubles up to five minutes', () => {
    const delays = [1, 2, 3, 9, 30].map((attempt) => judge(notSent(false), attempt, middle));
    expect(delays.map((verdict) => ('delayMs' in verdict ? verdict.delayMs : 0))).toEqual([
      1_000, 2_000, 4_000, 256_000, 300_000,
    ]);
  });

  it('waits as long as the receiver asked, when that is longer', () => {
    expect(judge(notSent(false, 60_000), 1, middle)).toMatchObject({ status: 'pending', delayMs: 60_000 });
    expect(judge(notSent(false, 10), 1, middle)).toMatchObject({ status: 'pending', delayMs: 1_000 });
  });

  it('is sent again, under its own id, when it may have arrived', () => {
    expect(judge({ kind: 'ambiguous', error: 'reset' }, 1, middle)).toMatchObject({
      status: 'pending',
      error: 'reset',
    });
  });
});

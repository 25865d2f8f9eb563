import { describe, expect, it } from 'vitest';
import { type AttemptFacts, judge, maxAttempts } from '../../../../gateway/delivery/judge.ts';
import type { SendResult } from '../../../../gateway/delivery/send-result.ts';

const most = () => 1;
const notSent = (change: Partial<Extract<SendResult, { kind: 'not-sent' }>> = {}): SendResult => ({
  kind: 'not-sent',
  error: 'no',
  final: false,
  ...change,
});
const ambiguous: SendResult = { kind: 'ambiguous', error: 'reset' };

const webhook = (counted = 1): AttemptFacts => ({
  throughAccount: false,
  counted,
  unsure: false,
  repeatableMs: Number.POSITIVE_INFINITY,
});
const message = (change: Partial<AttemptFacts> = {}): AttemptFacts => ({
  throughAccount: true,
  counted: 1,
  unsure: false,
  repeatableMs: 0,
  ...change,
});

describe('after an attempt a webhook', () => {
  it('is sent once the receiver has it', () => {
    expect(judge({ kind: 'sent' }, webhook())).toMatchObject({ status: 'sent' });
  });

  it('is a dead letter when the receiver will never take it, or after the last attempt', () => {
    expect(judge(notSent({ final: true }), webhook())).toEqual({ status: 'dead', error: 'no' });
    expect(judge(notSent(), webhook(maxAttempts))).toEqual({ status: 'dead', error: 'no' });
    expect(judge(ambiguous, webhook(maxAttempts))).toEqual({ status: 'dead', error: 'reset' });
  });

  it('is sent again after a delay that doubles up to five minutes', () => {
    const delays = [1, 2, 3, 9, 30].map((counted) => judge(notSent(), webhook(counted), most));
    expect(delays.map((verdict) => ('delayMs' in verdict ? verdict.delayMs : 0))).toEqual([
      1_000, 2_000, 4_000, 256_000, 300_000,
    ]);
  });

  it('waits an hour at most, whatever the receiver asked', () => {
    for (const retryAfterMs of [86_400_000, 99_999_999_999_999_000, Number.POSITIVE_INFINITY]) {
      expect(judge(notSent({ retryAfterMs }), webhook(), most)).toMatchObject({ delayMs: 3_600_000 });
    }
  });

  it('waits as long as the receiver asked, when that is longer', () => {
    expect(judge(notSent({ retryAfterMs: 60_000 }), webhook(), most)).toMatchObject({
      status: 'pending',
      delayMs: 60_000,
    });
    expect(judge(notSent({ retryAfterMs: 10 }), webhook(), most)).toMatchObject({ status: 'pending', delayMs: 1_000 });
  });

  it('is sent again, under its own id, when it may have arrived', () => {
    expect(judge(ambiguous, webhook(), most)).toEqual({
      status: 'pending',
      error: 'reset',
      delayMs: 1_000,
      unsure: false,
    });
  });
});

describe('after an attempt a message through an account', () => {
  it('is parked when it may have arrived and the platform would show it twice', () => {
    expect(judge(ambiguous, message())).toEqual({ status: 'ambiguous', error: 'reset' });
  });

  it('is sent again while the platform knows it by its id, if that holds until then', () => {
    expect(judge(ambiguous, message({ repeatableMs: 1_001 }), most)).toEqual({
      status: 'pending',
      error: 'reset',
      delayMs: 1_000,
      unsure: true,
    });
    expect(judge(ambiguous, message({ repeatableMs: 1_000 }), most)).toEqual({ status: 'ambiguous', error: 'reset' });
  });

  it('that may have arrived once is ambiguous where it would be a dead letter', () => {
    expect(judge(notSent({ final: true }), message({ unsure: true }))).toEqual({ status: 'ambiguous', error: 'no' });
    const repeatable = { counted: maxAttempts, repeatableMs: Number.POSITIVE_INFINITY };
    expect(judge(ambiguous, message(repeatable))).toEqual({ status: 'ambiguous', error: 'reset' });
  });

  it('waits alone when the platform asks for patience in its chat, an hour at most', () => {
    const wait = (retryAfterMs: number) => judge(notSent({ retryAfterMs }), message(), most);
    expect(wait(30_000)).toEqual({ status: 'pending', error: 'no', delayMs: 30_000, unsure: false });
    expect(wait(86_400_000)).toMatchObject({ delayMs: 3_600_000 });
  });

  it('makes its account wait when the platform asks for that, an hour at most', () => {
    const pause = (retryAfterMs: number) => judge(notSent({ retryAfterMs, accountWaits: true }), message(), most);
    expect(pause(30_000)).toMatchObject({ status: 'pending', delayMs: 0, account: { pauseMs: 30_000 } });
    expect(pause(86_400_000)).toMatchObject({ account: { pauseMs: 3_600_000 } });
  });

  it('waits with its account when the platform refuses that, however often, also where that is called final', () => {
    const refused = notSent({ accountBroken: true, final: true });
    expect(judge(refused, message({ counted: maxAttempts + 1 }))).toMatchObject({
      status: 'pending',
      account: 'broken',
    });
  });
});

import { backoffMs } from '../../core/lib/backoff.ts';
import type { SendReceipt, SendResult } from './send-result.ts';

/** What a delivery becomes after an attempt. */
export type Verdict =
  | { readonly status: 'sent'; readonly receipt: SendReceipt }
  /** It may have arrived, and sending it again might show it twice: a person decides. */
  | { readonly status: 'ambiguous'; readonly error: string }
  | { readonly status: 'dead'; readonly error: string }
  | {
      readonly status: 'pending';
      readonly error: string;
      readonly delayMs: number;
      /** It may have arrived. */
      readonly unsure: boolean;
      /** It is the account that waits, and the attempt does not count: for as long as the platform asked, or as it is broken. */
      readonly account?: { readonly pauseMs: number } | 'broken';
    };

/** What is known of the delivery that was attempted. */
export interface AttemptFacts {
  readonly throughAccount: boolean;
  /** How many attempts count, this one included. */
  readonly counted: number;
  /** An earlier attempt may have arrived. */
  readonly unsure: boolean;
  /** For how long from now the target knows a repetition as one; Infinity where that does not matter. */
  readonly repeatableMs: number;
}

const firstBackoffMs = 1_000;
const longestBackoffMs = 300_000;
/** The attempts of a day that is spent in the longest backoff, and some. */
export const maxAttempts = 50;

/**
 * Decides by what is known of the attempt. What was certainly not sent is tried again, or dead when that is pointless or
 * was done often enough. What may have arrived is sent again only where the target would know it again, and else parked;
 * and what may have arrived once is never called dead.
 */
export function judge(result: SendResult, facts: AttemptFacts, random: () => number = Math.random): Verdict {
  if (result.kind === 'sent') return { status: 'sent', receipt: result.receipt ?? { messageId: '', threadId: '' } };
  const { error } = result;
  const unsure = facts.throughAccount && result.kind === 'ambiguous';
  const backoff = backoffMs(facts.counted - 1, firstBackoffMs, longestBackoffMs, random);
  if (result.kind === 'ambiguous') {
    if (facts.repeatableMs <= backoff) return { status: 'ambiguous', error };
    return facts.counted >= maxAttempts
      ? givenUp(error, unsure)
      : { status: 'pending', error, delayMs: backoff, unsure };
  }
  const asked = Math.min(result.retryAfterMs ?? 0, longestPauseMs);
  if (facts.throughAccount && result.accountBroken === true) {
    return { status: 'pending', error, delayMs: 0, unsure, account: 'broken' };
  }
  if (result.final || facts.counted >= maxAttempts) return givenUp(error, facts.unsure);
  if (facts.throughAccount && result.accountWaits === true && asked > 0) {
    return { status: 'pending', error, delayMs: 0, unsure, account: { pauseMs: asked } };
  }
  return { status: 'pending', error, delayMs: Math.max(asked, backoff), unsure };
}

/** A target that asks for more is asked again after this. */
const longestPauseMs = 3_600_000;

function givenUp(error: string, unsure: boolean): Verdict {
  return { status: unsure ? 'ambiguous' : 'dead', error };
}

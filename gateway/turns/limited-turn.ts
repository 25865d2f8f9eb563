import type { Principal } from '../../core/route/principal.ts';
import type { TurnResult } from '../agent/turn.ts';
import type { Limits } from '../limits/limits.ts';
import { countTokens } from '../limits/permit.ts';
import { type AcquirePermit, createRequestPermit } from '../limits/request-permit.ts';
import type { Following } from './complete-turn.ts';

/** A turn whose completion ends its hold on the limits of its agent and key, and must be called. */
export type LimitedTurn<T> = T & {
  /** `x-ratelimit-*`. */
  readonly limitHeaders: Readonly<Record<string, string>>;
};

/**
 * Begins a turn within the limits of its agent and key: `begin` is given what takes the permit, and the tokens that the
 * turn uses are counted however it ends. Throws what `begin` throws, the refusal of a limit included.
 */
export async function beginWithinLimits<T>(
  limits: Limits,
  principal: Principal,
  begin: (acquire: AcquirePermit) => Promise<T & Completes>,
): Promise<LimitedTurn<T & Completes>> {
  const permit = createRequestPermit(limits, principal);
  try {
    const turn = await begin(permit.acquire);
    // Most turns; there is nothing to count and nothing to give back.
    if (!permit.isBounded()) return { ...turn, limitHeaders: permit.headers() };
    return {
      ...turn,
      limitHeaders: permit.headers(),
      complete: async (following?: Following) => {
        try {
          return await turn.complete({ ...following, onUsage: countTokens(permit) });
        } finally {
          permit.release();
        }
      },
    };
  } catch (error) {
    permit.cancel();
    throw error;
  }
}

/** The same for a turn that is left to the background: it counts as a request now, and as a run when it is taken. */
export async function submitWithinLimits<T>(
  limits: Limits,
  principal: Principal,
  submit: (acquire: AcquirePermit) => Promise<T>,
): Promise<T & { readonly limitHeaders: Readonly<Record<string, string>> }> {
  const permit = createRequestPermit(limits, principal, 'request');
  try {
    const submitted = await submit(permit.acquire);
    permit.release();
    return { ...submitted, limitHeaders: permit.headers() };
  } catch (error) {
    permit.cancel();
    throw error;
  }
}

interface Completes {
  readonly complete: (following?: Following) => Promise<TurnResult>;
}

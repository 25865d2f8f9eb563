import type { OnUsage } from '../agent/count-usage.ts';
import type { Meter, Unit } from './meter.ts';
import { limitHeaders } from './refusal.ts';

/** The right to one run. Must be released, once its turn has ended. */
export interface Permit {
  /** `x-ratelimit-*` for the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** Counts tokens that the turn used, as often as it used some. */
  readonly used: (tokens: number) => void;
  /** The turn has ended. Only the first call counts. */
  readonly release: () => void;
  /** Instead of `release`: the turn never began, so its request does not count either. */
  readonly cancel: () => void;
}

/** The permit where nothing is bounded. */
export const freePermit: Permit = {
  headers: {},
  used: () => undefined,
  release: () => undefined,
  cancel: () => undefined,
};

/** One unit and where it is from. */
export interface HeldUnit {
  readonly meter: Meter;
  readonly unit: Unit;
}

/** A permit made of one unit of each bound. */
export function createPermit(held: readonly HeldUnit[]): Permit {
  let open = true;
  const end = (countsAsRequest: boolean) => {
    if (!open) return;
    open = false;
    for (const { meter, unit } of held) {
      if (meter.bound().name === 'maxConcurrentRuns' || !countsAsRequest) meter.putBack(unit);
      else meter.useUp();
    }
  };
  return {
    headers: limitHeaders(held.map(({ meter }) => meter.standing())),
    used: (tokens) => {
      if (tokens <= 0) return;
      for (const { meter } of held) if (meter.bound().name === 'tokensPerDay') meter.spend(tokens);
    },
    release: () => end(true),
    cancel: () => end(false),
  };
}

/** Counts under the permit what the calls of its turn use. */
export function countTokens({ used }: Pick<Permit, 'used'>): OnUsage {
  return ({ inputTokens, outputTokens }) => used(inputTokens + outputTokens);
}

import { TalariaError } from '../../core/lib/errors.ts';
import type { Bound, BoundName } from './bounds.ts';
import type { Standing } from './meter.ts';

/**
 * The `x-ratelimit-*` headers of the OpenAI API: of the bounds on requests and on tokens, the one with the least left.
 * A time until reset is written as `6m0s`.
 */
export function limitHeaders(standings: readonly Standing[]): Readonly<Record<string, string>> {
  return {
    ...headersOf('requests', tightest(standings, 'requestsPerMinute')),
    ...headersOf('tokens', tightest(standings, 'tokensPerDay')),
  };
}

/** What a caller is told when these bounds, one at least, are reached: the one that lasts longest counts. */
export function limitReached(reached: readonly Standing[], all: readonly Standing[]): TalariaError {
  const standing = reached.toSorted((a, b) => b.resetMs - a.resetMs)[0];
  if (standing === undefined) throw new Error('no bound is reached');
  const { bound } = standing;
  const spent = reached.map((one) => ({ ...one, remaining: 0 }));
  const others = all.filter(({ bound: other }) => !reached.some((one) => one.bound === other));
  const seconds = Math.max(1, Math.ceil(standing.resetMs / 1_000));
  const message = `${whose(bound)} ${allowance(bound)} over all replicas, and they are in use. Try again in ${duration(standing.resetMs)}, or raise ${fieldOf(bound)}.`;
  return new TalariaError(bound.name === 'tokensPerDay' ? 'budget_exceeded' : 'rate_limited', message, {
    retryAfterSeconds: seconds,
    headers: limitHeaders([...spent, ...others]),
  });
}

function headersOf(what: 'requests' | 'tokens', standing: Standing | undefined): Record<string, string> {
  if (standing === undefined) return {};
  return {
    [`x-ratelimit-limit-${what}`]: String(standing.bound.maximum),
    [`x-ratelimit-remaining-${what}`]: String(standing.remaining),
    [`x-ratelimit-reset-${what}`]: duration(standing.resetMs),
  };
}

function tightest(standings: readonly Standing[], name: BoundName): Standing | undefined {
  let found: Standing | undefined;
  for (const standing of standings) {
    if (standing.bound.name !== name) continue;
    if (found === undefined || standing.remaining < found.remaining) found = standing;
  }
  return found;
}

/** Whole seconds, at least one: `1s`, `6m0s`, `23h59m59s`. */
function duration(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1_000));
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (h > 0) return `${h}h${m}m${s}s`;
  return m > 0 ? `${m}m${s}s` : `${s}s`;
}

function whose({ agent }: Bound): string {
  return agent === '' ? 'This API key has' : `Agent "${agent}" has`;
}

function allowance({ name, maximum }: Bound): string {
  if (name === 'requestsPerMinute') return `${maximum} requests a minute (requestsPerMinute)`;
  if (name === 'tokensPerDay') return `${maximum} tokens a day (tokensPerDay)`;
  return `${maximum} runs at once (maxConcurrentRuns)`;
}

function fieldOf({ name, agent }: Bound): string {
  return agent === '' ? `limits.${name} of the key in its Agent` : `spec.limits.${name} of the Agent`;
}

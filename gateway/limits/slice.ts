import type { BoundName } from './bounds.ts';

/** What is known of a bound when the next slice of it is asked for. */
export interface Demand {
  readonly name: BoundName;
  /** How many units callers wait for; at least that much is asked for. */
  readonly needed: number;
  /** What the database had left to lease when it answered last; before the first answer the whole bound. */
  readonly left: number;
  /** The slice before this one and how long it lasted. */
  readonly previous: { readonly size: number; readonly lastedMs: number } | undefined;
}

/**
 * How much of a bound to lease next: slices grow until one lasts a second, so that a busy replica asks about once a second
 * and a quiet one holds little, and shrink towards the end of what is left, so that little is held by replicas that do
 * not need it. Always 1 at least.
 */
export function nextSlice({ name, needed, left, previous }: Demand): number {
  const share = Math.ceil(left / shares);
  return Math.max(1, needed, Math.min(grown(name, previous), share));
}

/** A slice beyond what callers wait for is at most this part of what is left. */
const shares = 8;
const growth = 4;
const shortMs = 1_000;
const longMs = 10_000;

function grown(name: BoundName, previous: Demand['previous']): number {
  if (previous === undefined || previous.size === 0) return firstSize[name];
  if (previous.lastedMs < shortMs) return previous.size * growth;
  return previous.lastedMs > longMs ? Math.ceil(previous.size / 2) : previous.size;
}

/** Tokens: about one turn. */
const firstSize: Readonly<Record<BoundName, number>> = {
  requestsPerMinute: 1,
  tokensPerDay: 1_000,
  maxConcurrentRuns: 1,
};

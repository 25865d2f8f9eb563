/**
 * Exponential delay with full jitter on its upper half: `base * 2^attempt`, capped at `max`, times 0.5 to 1.
 * `attempt` counts from 0; `random` gives [0, 1). All durations are milliseconds.
 */
export function backoffMs(attempt: number, baseMs: number, maxMs: number, random: () => number = Math.random): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 30));
  return ceiling * (0.5 + random() / 2);
}

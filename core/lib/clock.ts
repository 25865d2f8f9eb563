/** Where time comes from. Production code takes a Clock instead of reading Date, so that tests can move it. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Monotonic milliseconds, for measuring and for lease self-checks; its zero has no meaning. */
  readonly monotonic: () => number;
}

/** The clock of this process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/**
 * To be loaded with `node --import`: moves the wall clock of the process by `SKEW_MS`, as a machine with a wrong clock would
 * have it. Monotonic time stays.
 */
const skewMs = Number(process.env.SKEW_MS ?? 0);
const RealDate = Date;

globalThis.Date = class extends RealDate {
  constructor(...args: unknown[]) {
    super(...((args.length === 0 ? [RealDate.now() + skewMs] : args) as [number]));
  }

  static override now(): number {
    return RealDate.now() + skewMs;
  }
} as DateConstructor;

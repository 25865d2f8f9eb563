import { Histogram, type HistogramConfiguration } from 'prom-client';

/** A histogram for the hot path: values are sorted into buckets many at a time, when they are asked for at the latest. */
export interface Timings {
  /** Takes seconds for this value of the one label. */
  readonly observe: (value: string, seconds: number) => void;
}

/** Makes Timings of one label; the series appear in the registries of the configuration as those of a Histogram. */
export function createTimings<L extends string>(
  configuration: HistogramConfiguration<L> & { readonly labelNames: readonly [L] },
): Timings {
  const {
    labelNames: [label],
  } = configuration;
  const values: string[] = [];
  const seconds: number[] = [];
  const sort = () => {
    for (let at = 0; at < values.length; at += 1) {
      histogram.observe({ [label]: values[at] } as Record<L, string>, seconds[at] ?? 0);
    }
    values.length = 0;
    seconds.length = 0;
  };
  const histogram = new Histogram<L>({ ...configuration, collect: sort });
  return {
    observe: (value, taken) => {
      values.push(value);
      seconds.push(taken);
      if (values.length >= mostUnsorted) sort();
    },
  };
}

const mostUnsorted = 512;

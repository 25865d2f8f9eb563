import { Counter, type CounterConfiguration } from 'prom-client';

/** A counter for the hot path: labels are put together when metrics are asked for, not for every event. */
export interface Tally {
  /** Counts for these values of the labels, in the order of the tally's `labelNames`. */
  readonly add: (count: number, ...values: readonly string[]) => void;
}

/** Makes a Tally; its series appear in the registries of the configuration as those of a Counter. */
export function createTally<L extends string>(
  configuration: CounterConfiguration<L> & { readonly labelNames: readonly L[] },
): Tally {
  const cells = new Map<string, { readonly values: readonly string[]; count: number }>();
  const counter = new Counter<L>({
    ...configuration,
    collect() {
      for (const cell of cells.values()) {
        if (cell.count > 0) counter.labels(...cell.values).inc(cell.count);
        cell.count = 0;
      }
    },
  });
  return {
    add: (count, ...values) => {
      const key = values.join(separator);
      const cell = cells.get(key);
      if (cell) cell.count += count;
      else cells.set(key, { values, count });
    },
  };
}

/** It stands in no label value: they are names, codes and patterns of paths. */
const separator = '\n';

import type { Histogram, HistogramConfiguration, Registry } from 'prom-client';

/** A histogram for the hot path: a value costs a look-up and a few comparisons; lines are made when they are asked for. */
export interface Timings {
  /** Takes seconds for this value of the one label. */
  readonly observe: (value: string, seconds: number) => void;
}

type TimingsConfiguration<L extends string> = Pick<HistogramConfiguration<L>, 'name' | 'help'> & {
  readonly labelNames: readonly [L];
  /** Upper bounds in seconds, rising. */
  readonly buckets: readonly number[];
  readonly registers: readonly Registry[];
};

/** Makes Timings of one label; the series appear in the registries of the configuration as those of a Histogram. */
export function createTimings<L extends string>(configuration: TimingsConfiguration<L>): Timings {
  const { name, help, buckets, registers } = configuration;
  const [label] = configuration.labelNames;
  const cells = new Map<string, Cell>();
  const cellOf = (value: string): Cell => {
    const cell = { counts: new Array<number>(buckets.length).fill(0), count: 0, sum: 0 };
    cells.set(value, cell);
    return cell;
  };
  const seriesOf = ([value, { counts, count, sum }]: readonly [string, Cell]) => {
    let below = 0;
    const told = { [label]: value };
    return [
      ...buckets.map((le, at) => {
        below += counts[at] ?? 0;
        return { metricName: `${name}_bucket`, labels: { le, ...told }, value: below };
      }),
      { metricName: `${name}_bucket`, labels: { le: '+Inf', ...told }, value: count },
      { metricName: `${name}_sum`, labels: told, value: sum },
      { metricName: `${name}_count`, labels: told, value: count },
    ];
  };
  const get = async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: [...cells].flatMap(seriesOf) });
  // All that a registry asks of a metric.
  for (const registry of registers) registry.registerMetric({ name, get } as unknown as Histogram<L>);
  return {
    observe: (value, seconds) => {
      const cell = cells.get(value) ?? cellOf(value);
      cell.count += 1;
      cell.sum += seconds;
      for (let at = 0; at < buckets.length; at += 1) {
        if (seconds > (buckets[at] ?? 0)) continue;
        cell.counts[at] = (cell.counts[at] ?? 0) + 1;
        return;
      }
    },
  };
}

/** `counts`: of the values within each bucket and in none below it. */
interface Cell {
  readonly counts: number[];
  count: number;
  sum: number;
}

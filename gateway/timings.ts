import type { Histogram, HistogramConfiguration, Registry } from 'prom-client';

/** A histogram for the hot path: a value costs a look-up and a few comparisons; series are made when they are asked for. */
export interface Timings {
  /** Takes seconds, a finite number, for this value of the one label. */
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
  const addCell = (value: string): Cell => {
    const cell = { counts: new Array<number>(buckets.length).fill(0), count: 0, sum: 0 };
    cells.set(value, cell);
    return cell;
  };
  const seriesOf = ([value, { counts, count, sum }]: readonly [string, Cell]) => {
    let cumulative = 0;
    const labels = { [label]: value };
    return [
      ...buckets.map((le, at) => {
        cumulative += counts[at] ?? 0;
        return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: cumulative };
      }),
      { metricName: `${name}_bucket`, labels: { le: '+Inf', ...labels }, value: count },
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  };
  const get = async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: [...cells].flatMap(seriesOf) });
  const metric = { name, labelNames: [label], get, reset: () => cells.clear() };
  // All that a registry asks of a metric.
  for (const registry of registers) registry.registerMetric(metric as unknown as Histogram<L>);
  return {
    observe: (value, seconds) => {
      const cell = cells.get(value) ?? addCell(value);
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

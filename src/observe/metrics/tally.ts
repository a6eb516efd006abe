import { Counter } from 'prom-client';
import type { Metric, MetricValueWithName, Registry } from 'prom-client';

interface TallyOptions {
  readonly name: string;
  readonly help: string;
  readonly registry: Registry;
}

/**
 * Counts events by one or two labels. An event costs an addition; the counter of prom-client gets the sums at each
 * scrape.
 */
export interface CounterTally {
  inc(first: string, second?: string): void;
}

/** Registers a counter for events that are too frequent for prom-client, which makes several objects for each. */
export function createCounterTally({
  labelNames: [first, second],
  registry,
  ...metric
}: TallyOptions & { readonly labelNames: readonly [string, string?] }): CounterTally {
  const counts = new Map<string, Map<string, number>>();
  const counter = new Counter({
    ...metric,
    labelNames: second === undefined ? [first] : [first, second],
    registers: [],
    collect() {
      for (const [one, row] of counts)
        for (const [other, count] of row)
          this.inc(second === undefined ? { [first]: one } : { [first]: one, [second]: other }, count);
      counts.clear();
    },
  });
  registry.registerMetric(counter);
  return {
    inc(one, other = '') {
      let row = counts.get(one);
      if (row === undefined) counts.set(one, (row = new Map<string, number>()));
      row.set(other, (row.get(other) ?? 0) + 1);
    },
  };
}

/** The observations with one value of the label. */
interface Series {
  /** Number of observations in each bucket, without those of smaller buckets; the last one has no bound. */
  readonly counts: number[];
  sum: number;
  count: number;
}

/** A histogram whose observations make no objects. */
export interface HistogramTally {
  observe(value: number, label?: string): void;
}

/** Registers a histogram, by at most one label, for events that are too frequent for prom-client. */
export function createHistogramTally({
  name,
  help,
  registry,
  labelName,
  expected = () => [],
  buckets,
}: TallyOptions & {
  readonly labelName?: string;
  /** Returns, at each scrape, values of the label that must have a series: an alert on an increase needs its 0. */
  readonly expected?: () => Iterable<string>;
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
}): HistogramTally {
  const series = new Map<string, Series>();
  const newSeries = (): Series => ({ counts: [...buckets, Infinity].map(() => 0), sum: 0, count: 0 });
  // Without a label, there is one series from the start, as in prom-client.
  if (labelName === undefined) series.set('', newSeries());

  function seriesOf(label: string): Series {
    let one = series.get(label);
    if (one === undefined) series.set(label, (one = newSeries()));
    return one;
  }

  function valuesOf(value: string, { counts, sum, count }: Series): MetricValueWithName<string>[] {
    const labels = labelName === undefined ? {} : { [labelName]: value };
    let total = 0;
    const bounds = [...buckets, '+Inf'].map((le, index) => {
      total += counts[index] ?? 0;
      return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: total };
    });
    return [
      ...bounds,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }

  const fixed = { name, help, type: 'histogram', aggregator: 'sum' } as const;
  const metric = {
    ...fixed,
    get: () => {
      for (const label of expected()) seriesOf(label);
      const values = [...series].flatMap(([value, one]) => valuesOf(value, one));
      return Promise.resolve({ ...fixed, values });
    },
  };
  // The registry uses nothing else of a metric.
  registry.registerMetric(metric as unknown as Metric);

  return {
    observe(value, label = '') {
      const one = seriesOf(label);
      let bucket = 0;
      while (bucket < buckets.length && value > (buckets[bucket] ?? 0)) bucket += 1;
      one.counts[bucket] = (one.counts[bucket] ?? 0) + 1;
      one.sum += value;
      one.count += 1;
    },
  };
}

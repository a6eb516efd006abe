import { AggregatorRegistry } from 'prom-client';
import type { MetricObject } from 'prom-client';

/** The values of one metric in one process, as plain data. */
export type StreamMetric = MetricObject;

/**
 * Merges the metrics of several processes into Prometheus' text format: values of the same labels are added
 * up.
 */
export async function mergeMetrics(processes: readonly (readonly StreamMetric[])[]): Promise<string> {
  const merged = AggregatorRegistry.aggregate(processes.map((metrics) => [...metrics]));
  return merged.metrics();
}

/**
 * What of a process is still true when it is gone: its counts. Without them the sums would fall, which
 * Prometheus takes for a restart of everything.
 */
export function lastingMetrics(metrics: readonly StreamMetric[]): readonly StreamMetric[] {
  return metrics.filter(({ type }) => String(type) !== 'gauge');
}

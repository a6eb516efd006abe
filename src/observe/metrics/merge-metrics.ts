import { AggregatorRegistry } from 'prom-client';
import type { MetricObject, Registry } from 'prom-client';

/** The values of one metric in one process, as plain data. */
export type StreamMetric = MetricObject;

/**
 * Merges the metrics of several processes into Prometheus' text format: values of the same labels are added
 * up.
 */
export async function mergeMetrics(processes: readonly (readonly StreamMetric[])[]): Promise<string> {
  return aggregate(processes).metrics();
}

/** The same, to be merged with others once more. */
export async function addMetrics(
  processes: readonly (readonly StreamMetric[])[],
): Promise<readonly StreamMetric[]> {
  return aggregate(processes).getMetricsAsJSON();
}

function aggregate(processes: readonly (readonly StreamMetric[])[]): Registry {
  return AggregatorRegistry.aggregate(processes.map((metrics) => [...metrics]));
}

/**
 * What of a process is still true when it is gone: its counts. Without them the sums would fall, which
 * Prometheus takes for a restart of everything.
 */
export function lastingMetrics(metrics: readonly StreamMetric[]): readonly StreamMetric[] {
  return metrics.filter(({ type }) => String(type) !== 'gauge');
}

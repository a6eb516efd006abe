import { AggregatorRegistry } from 'prom-client';
import type { MetricObject, Registry } from 'prom-client';

/** The values of one metric of one process, as plain data. */
export type StreamMetric = MetricObject;

/** Merges the metrics of several processes into Prometheus' text format. Values with the same labels are added. */
export async function mergeMetrics(processes: readonly (readonly StreamMetric[])[]): Promise<string> {
  return aggregate(processes).metrics();
}

/** Merges the metrics of several processes into data that can be merged again. */
export async function addMetrics(
  processes: readonly (readonly StreamMetric[])[],
): Promise<readonly StreamMetric[]> {
  return aggregate(processes).getMetricsAsJSON();
}

function aggregate(processes: readonly (readonly StreamMetric[])[]): Registry {
  return AggregatorRegistry.aggregate(processes.map((metrics) => [...metrics]));
}

/**
 * Returns the metrics of a process that remain true after its end: counters and histograms. Without them the sums
 * would fall, which Prometheus interprets as a restart.
 */
export function lastingMetrics(metrics: readonly StreamMetric[]): readonly StreamMetric[] {
  return metrics.filter(({ type }) => String(type) !== 'gauge');
}

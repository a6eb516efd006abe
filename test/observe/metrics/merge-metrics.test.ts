import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter, Histogram, Registry } from 'prom-client';
import { addMetrics, mergeMetrics } from '../../../src/observe/metrics/merge-metrics.ts';
import type { StreamMetric } from '../../../src/observe/metrics/merge-metrics.ts';

/** Returns the metrics of one process. */
async function counted(pushes: number, seconds: readonly number[]): Promise<readonly StreamMetric[]> {
  const registers = [new Registry()];
  const counter = new Counter({ name: 'pushes_total', help: 'p', labelNames: ['mesh'], registers });
  counter.inc({ mesh: 'default' }, pushes);
  const histogram = new Histogram({ name: 'wait_seconds', help: 'w', buckets: [1, 5], registers });
  for (const second of seconds) histogram.observe(second);
  return (await registers[0]?.getMetricsAsJSON()) ?? [];
}

test('merged metrics: can be merged again with the same result', async () => {
  const all = await Promise.all([counted(1, [0.5]), counted(2, [3, 9]), counted(4, [2])]);
  const [one, two, three] = all;
  const before = await addMetrics([await addMetrics([one, two]), three]);
  const text = await mergeMetrics([before]);
  assert.equal(text, await mergeMetrics(all));
  assert.match(text, /^pushes_total\{mesh="default"\} 7$/m);
  assert.match(text, /^wait_seconds_bucket\{le="5"\} 3$/m);
});

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Counter, Histogram, Registry } from 'prom-client';
import { mergeMetrics } from '../../../src/observe/metrics/merge-metrics.ts';
import type { StreamMetric } from '../../../src/observe/metrics/merge-metrics.ts';
import { createCounterTally, createHistogramTally } from '../../../src/observe/metrics/tally.ts';

const buckets = [0.1, 1, 5];
const values = [0.05, 0.1, 0.3, 5, 6, 1, 0];

async function asJson(registry: Registry): Promise<readonly StreamMetric[]> {
  return registry.getMetricsAsJSON();
}

/** Makes a histogram with the label `mesh`, and the same one of prom-client. */
function labelledHistograms() {
  const [ours, theirs] = [new Registry(), new Registry()];
  const options = { name: 'h', help: 'Help.', buckets };
  return {
    ours,
    theirs,
    tally: createHistogramTally({ ...options, labelName: 'mesh', registry: ours }),
    histogram: new Histogram({ ...options, labelNames: ['mesh'], registers: [theirs] }),
  };
}

suite('tally', () => {
  test('histogram with a label: has the text of prom-client', async () => {
    const { ours, theirs, tally, histogram } = labelledHistograms();
    assert.equal(await ours.metrics(), await theirs.metrics());
    for (const mesh of ['prod', 'a "b"'])
      for (const value of values) {
        tally.observe(value, mesh);
        histogram.observe({ mesh }, value);
      }
    assert.equal(await ours.metrics(), await theirs.metrics());
  });

  test('histogram without a label: has the text of prom-client, also before the first value', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const tally = createHistogramTally({ name: 'h', help: 'Help.', buckets, registry: ours });
    const histogram = new Histogram({ name: 'h', help: 'Help.', buckets, registers: [theirs] });
    assert.equal(await ours.metrics(), await theirs.metrics());
    for (const value of values) {
      tally.observe(value);
      histogram.observe(value);
    }
    assert.equal(await ours.metrics(), await theirs.metrics());
  });

  test('histogram of two processes: merges as that of prom-client', async () => {
    const { ours, theirs, tally, histogram } = labelledHistograms();
    for (const value of values) {
      tally.observe(value, 'prod');
      histogram.observe({ mesh: 'prod' }, value);
    }
    const [our, their] = [await asJson(ours), await asJson(theirs)];
    assert.equal(await mergeMetrics([our, our]), await mergeMetrics([their, their]));
  });

  test('counter: has the text of prom-client at each scrape', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const tally = createCounterTally({ name: 'c', help: 'Help.', labelNames: ['a', 'b'], registry: ours });
    const counter = new Counter({ name: 'c', help: 'Help.', labelNames: ['a', 'b'], registers: [theirs] });
    for (let scrape = 0; scrape < 3; scrape += 1) {
      for (const [a, b] of [
        ['x', 'y'],
        ['x', 'z'],
        ['x', 'y'],
      ] as const) {
        tally.inc(a, b);
        counter.inc({ a, b });
      }
      assert.equal(await ours.metrics(), await theirs.metrics());
    }
  });

  test('counter by one label: has the text of prom-client', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const tally = createCounterTally({ name: 'c', help: 'Help.', labelNames: ['a'], registry: ours });
    const counter = new Counter({ name: 'c', help: 'Help.', labelNames: ['a'], registers: [theirs] });
    for (const a of ['x', 'y', 'x']) {
      tally.inc(a);
      counter.inc({ a });
    }
    assert.equal(await ours.metrics(), await theirs.metrics());
  });
});

import assert from 'node:assert/strict';
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { suite, test } from 'node:test';
import { Registry, collectDefaultMetrics } from 'prom-client';
import { noLagSamples, registerLoopLag, sampleMs } from '../../../src/observe/metrics/loop-lag.ts';
import { parseSamples } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';

const parts = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'];

function setup() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: noLagSamples });
  const samples = createHistogram();
  registerLoopLag(registry, samples);
  return {
    registry,
    /** Records samples that are each late by a number of ms. */
    late: (...delays: readonly number[]): void => {
      for (const delay of delays) samples.record((sampleMs + delay) * 1e6);
    },
    /** Returns the values in ms. */
    scrape: async (): Promise<Readonly<Record<string, number>>> => {
      const text = await registry.metrics();
      const valueOf = (part: string): number =>
        Math.round(1000 * (parseSamples(text, `nodejs_eventloop_lag_${part}_seconds`).get('') ?? Number.NaN));
      return Object.fromEntries(parts.map((part) => [part, valueOf(part)]));
    },
  };
}

suite('delay of the event loop', () => {
  test('samples: without the time between them', async () => {
    const { late, scrape } = setup();
    late(...Array.from({ length: 89 }, () => 1), ...Array.from({ length: 10 }, () => 30), 400);
    const expected = { min: 1, max: 400, mean: 8, stddev: 40, p50: 1, p90: 30, p99: 30 };
    assert.deepEqual(await scrape(), expected);
  });

  test('second scrape: covers the samples since the first; without a new sample → repeats the values', async () => {
    const { late, scrape } = setup();
    late(300);
    assert.equal((await scrape())['max'], 300);
    assert.equal((await scrape())['max'], 300);
    late(5);
    assert.equal((await scrape())['max'], 5);
  });

  test('sample that is early: counts as no delay', async () => {
    const { late, scrape } = setup();
    late(-3);
    assert.equal((await scrape())['max'], 0);
  });

  test('event loop that is blocked for half a second: the delay is seen', async () => {
    const registry = new Registry();
    const samples = monitorEventLoopDelay({ resolution: sampleMs });
    samples.enable();
    registerLoopLag(registry, samples);
    // The first run of its timer is no sample.
    await poll('a sample', () => samples.count > 0 || undefined);
    const end = performance.now() + 500;
    while (performance.now() < end) continue;
    const before = samples.count;
    await poll('the next sample', () => samples.count > before || undefined);
    const max = parseSamples(await registry.metrics(), 'nodejs_eventloop_lag_max_seconds').get('') ?? 0;
    assert.ok(max >= 0.29, `${max} s`);
  });

  test('metrics of prom-client: are replaced, each once', async () => {
    const { registry } = setup();
    const before = new Registry();
    collectDefaultMetrics({ register: before, eventLoopMonitoringPrecision: noLagSamples });
    const namesOf = async (of: Registry): Promise<readonly string[]> =>
      (await of.getMetricsAsJSON()).map(({ name }) => name).toSorted();
    assert.deepEqual(await namesOf(registry), await namesOf(before));
  });
});

import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Histogram } from 'node:perf_hooks';
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { longestTimerMs } from '../../xds/timers/timers.ts';

/**
 * Time between two samples, in ms. Each wakes the process up: at the default of prom-client, 10 ms, they would be
 * nearly the whole CPU time of an idle server.
 */
export const sampleMs = 200;
const nanosecondsInMs = 1e6;
const prefix = 'nodejs_eventloop_lag';

/** The sampling interval for `collectDefaultMetrics`, in ms: its metrics, which are replaced here, take no samples. */
export const noLagSamples = longestTimerMs;

/** Returns a delay of a histogram without the time between two samples, in seconds. */
const delayOf = (nanoseconds: number): number => Math.max(0, nanoseconds / nanosecondsInMs - sampleMs) / 1000;

/** The metrics of a histogram of nanoseconds, and how the values of workers are joined. */
const parts = [
  ['min', 'min', 'minimum delay', ({ min }) => delayOf(min)],
  ['max', 'max', 'maximum delay', ({ max }) => delayOf(max)],
  ['mean', 'average', 'mean delay', ({ mean }) => delayOf(mean)],
  ['stddev', 'average', 'standard deviation of the delay', ({ stddev }) => stddev / nanosecondsInMs / 1000],
  ['p50', 'average', 'median delay', (samples) => delayOf(samples.percentile(50))],
  ['p90', 'average', '90th percentile of the delay', (samples) => delayOf(samples.percentile(90))],
  ['p99', 'average', '99th percentile of the delay', (samples) => delayOf(samples.percentile(99))],
] as const satisfies readonly (readonly [
  name: string,
  aggregator: string,
  what: string,
  seconds: (samples: Histogram) => number,
])[];

/**
 * Replaces the metrics of prom-client for the delay of the event loop by ones of the same names, which take fewer
 * samples and do not contain the time between two of them. A sample is the delay of a timer, so a delay is measured up
 * to 200 ms too short. `samples`: nanoseconds between the runs of that timer.
 */
export function registerLoopLag(registry: Registry, samples: Histogram = startSamples()): void {
  for (const part of ['', ...parts.map(([name]) => `${name}_`)])
    registry.removeSingleMetric(`${prefix}_${part}seconds`);
  const registers = [registry];
  // Registered first, because it sets the others.
  const current = new Gauge({
    name: `${prefix}_seconds`,
    help: 'Event loop: delay at the scrape.',
    aggregator: 'average',
    registers,
    collect() {
      const asked = performance.now();
      setImmediate(() => current.set((performance.now() - asked) / 1000));
      // A scrape soon after another one has no new samples, and repeats the values.
      if (samples.count === 0) return;
      for (const { gauge, seconds } of gauges) gauge.set(seconds(samples));
      samples.reset();
    },
  });
  const gauges = parts.map(([part, aggregator, what, seconds]) => {
    const name = `${prefix}_${part}_seconds`;
    const help = `Event loop: ${what} since the last scrape.`;
    return { gauge: new Gauge({ name, help, aggregator, registers }), seconds };
  });
}

function startSamples(): Histogram {
  const samples = monitorEventLoopDelay({ resolution: sampleMs });
  samples.enable();
  return samples;
}

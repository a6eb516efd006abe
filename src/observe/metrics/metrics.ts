import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { SourceEvent } from '../../trust/source.ts';
import type { AnchorReader, CacheStats } from '../../trust/x509/anchor-reader.ts';
import type { XdsObserver } from '../../xds/index.ts';
import { createAuthFailures } from './auth-failures.ts';
import type { AuthFailure } from './auth-failures.ts';
import { createConvergence } from './convergence.ts';
import { proxyStates } from '../../fleet/assess.ts';
import type { StateCounts } from '../../fleet/rollout.ts';
import { mergeMetrics } from './merge-metrics.ts';
import type { StreamMetric } from './merge-metrics.ts';
import { authorityGauges, stateGauges } from './state-gauges.ts';
import type { StateGauge } from './state-gauges.ts';
import type { StateEvent, StateView } from '../../runtime/state-view.ts';
import { createStatusMetrics } from './status-metrics.ts';
import type { StatusMetrics } from './status-metrics.ts';
import { createWebhookMetrics } from './webhook-metrics.ts';
import type { WebhookMetrics } from './webhook-metrics.ts';
import { convergenceBuckets, createXdsMetrics, unlisted } from './xds-metrics.ts';

export interface MetricsOptions {
  readonly version: string;
  /** Asked at each scrape. */
  readonly view: () => StateView;
  readonly cache: AnchorReader['stats'];
  /** Whether each single certificate has series of its own. */
  readonly caMetrics: boolean;
  /** The metrics of streams, where other processes serve these. */
  readonly workers?: (() => Promise<readonly (readonly StreamMetric[])[]>) | undefined;
  /** Proxies by mesh and state, asked at each scrape. */
  readonly proxies?: (() => Promise<ProxyStates>) | undefined;
  /** Epoch milliseconds; default: `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** Proxies by mesh and state, and the lost ones that are more than are kept. */
export interface ProxyStates {
  readonly states: ReadonlyMap<string, StateCounts>;
  readonly forgotten: number;
}

/** The metrics of one running server. */
export interface Metrics {
  readonly contentType: string;
  /** All metrics in Prometheus' text format. */
  render(): Promise<string>;
  /** Counts what a source tells, before it is used. */
  sourceEvents(source: string, events: readonly SourceEvent[]): void;
  state(event: StateEvent): void;
  /** Reads at each scrape by how many seconds the state directory is behind the served state; 0 before this call. */
  readonly followSnapshotAge: (age: () => number) => void;
  /** Counts states that were written to the state directory, or could not be. */
  readonly stateWrite: (result: 'ok' | 'error') => void;
  /** Counts callers that the admin listener did not let in. */
  readonly adminAuthFailed: (reason: AuthFailure) => void;
  /** Counts proxies that the listener for proxies did not let in, where this process has it. */
  readonly xdsAuthFailed: (reason: AuthFailure) => void;
  readonly observer: XdsObserver;
  readonly status: StatusMetrics;
  readonly webhook: WebhookMetrics;
}

/** Makes the metrics, in a registry of their own. What can be computed from the state is, at each scrape. */
export function createMetrics({
  version,
  view,
  cache,
  caMetrics,
  workers,
  proxies,
  now = () => Date.now(),
}: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  for (const gauge of [...stateGauges, ...(caMetrics ? authorityGauges : [])])
    registerGauge(registry, gauge, view, now);
  registerCache(registry, cache);
  // At the default of 10 ms the samples alone cost 0.4 % of a core.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 50 });
  new Gauge({
    name: 'meshtrust_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'node_version'],
    registers,
  }).set({ version, node_version: process.version }, 1);
  const lastEvent = new Gauge({
    name: 'meshtrust_source_last_event_timestamp_seconds',
    help: 'When the source last told anything, in seconds since 1970.',
    labelNames: ['source'],
    registers,
  });
  const errors = new Counter({
    name: 'meshtrust_source_errors_total',
    help: 'Failed reads: of one file or object (unreadable), or of a place that holds many (failed).',
    labelNames: ['source', 'reason'],
    registers,
  });
  const stateWrites = new Counter({
    name: 'meshtrust_snapshot_writes_total',
    help: 'Last good states that were written to the state directory (ok), or could not be (error).',
    labelNames: ['result'],
    registers,
  });
  for (const result of ['ok', 'error']) stateWrites.inc({ result }, 0);
  let snapshotAge = (): number => 0;
  registerSnapshotAge(registry, () => snapshotAge());
  const debounce = new Histogram({
    name: 'meshtrust_xds_debounce_seconds',
    help: 'From the first cause of a change to the moment at which it is built and can be sent.',
    buckets: convergenceBuckets,
    registers,
  });
  const build = new Histogram({
    name: 'meshtrust_build_seconds',
    help: 'Building what is served of what was read, of changes that are served.',
    buckets: [0.0001, 0.0005, 0.001, ...convergenceBuckets],
    registers,
  });
  const convergence = createConvergence();
  const isListed = (mesh: string): boolean => view().meshes.has(mesh);

  if (proxies !== undefined) registerProxies(registry, proxies, isListed);
  const status = createStatusMetrics(registry);
  const webhook = createWebhookMetrics(registry);

  return {
    followSnapshotAge: (age) => {
      snapshotAge = age;
    },
    status,
    webhook,
    contentType: registry.contentType,
    async render() {
      const own = await registry.metrics();
      return workers === undefined ? own : `${own}\n${await mergeMetrics(await workers())}`;
    },
    sourceEvents(source, events) {
      lastEvent.set({ source }, now() / 1000);
      // An alert on a rise needs a value to rise from.
      for (const reason of ['unreadable', 'failed']) errors.inc({ source, reason }, 0);
      for (const { kind } of events) {
        if (kind === 'unreadable' || kind === 'failed') errors.inc({ source, reason: kind });
      }
    },
    state(event) {
      if (event.kind !== 'served') return;
      const servedAt = now();
      convergence.served(event.states, event.since, servedAt);
      build.observe((event.work.build.endedAt - event.work.build.startedAt) / 1000);
      debounce.observe(Math.max(0, servedAt - event.since) / 1000);
    },
    stateWrite: (result) => stateWrites.inc({ result }),
    adminAuthFailed: createAuthFailures(registry, 'admin'),
    xdsAuthFailed: workers === undefined ? createAuthFailures(registry, 'xds') : () => undefined,
    observer: workers === undefined ? createXdsMetrics({ registry, convergence, isListed, now }) : {},
  };
}

function registerSnapshotAge(registry: Registry, ageOf: () => number): void {
  const gauge = new Gauge({
    name: 'meshtrust_snapshot_age_seconds',
    help: 'By how much what is kept in the state directory is behind what is served; 0 while it is up to date.',
    registers: [registry],
    collect: () => {
      gauge.set(ageOf());
    },
  });
}

function registerGauge(
  registry: Registry,
  { name, help, labels, samples }: StateGauge,
  view: () => StateView,
  now: () => number,
): void {
  const gauge = new Gauge({
    name,
    help,
    labelNames: labels,
    registers: [registry],
    collect: () => {
      gauge.reset();
      for (const [values, value] of samples(view(), now())) gauge.labels(...values).set(value);
    },
  });
}

/** Proxies by mesh and state; those of meshes that nothing is listed for together. */
function registerProxies(
  registry: Registry,
  proxies: () => Promise<ProxyStates>,
  isListed: (mesh: string) => boolean,
): void {
  const beyond = new Gauge({
    name: 'meshtrust_xds_proxies_forgotten',
    help: 'Lost proxies, of whichever mesh, that are more than the server keeps by name.',
    registers: [registry],
  });
  const gauge = new Gauge({
    name: 'meshtrust_xds_proxies',
    help: 'Proxies by how they stand to what their mesh is served; reconnecting and lost have no connection.',
    labelNames: ['mesh', 'state'],
    registers: [registry],
    collect: async () => {
      const { states: counts, forgotten } = await proxies();
      gauge.reset();
      for (const [mesh, states] of counts) {
        const label = isListed(mesh) ? mesh : unlisted;
        for (const state of proxyStates) gauge.inc({ mesh: label, state }, states[state]);
      }
      beyond.set(forgotten);
    },
  });
}

/** Counters of the certificate cache, which counts by itself. */
function registerCache(registry: Registry, stats: AnchorReader['stats']): void {
  const series = [
    ['hits_total', 'Look-ups that found something.', ({ hits }: CacheStats) => hits],
    ['misses_total', 'Look-ups that had to parse.', ({ misses }: CacheStats) => misses],
  ] as const;
  for (const [suffix, help, valueOf] of series) {
    const counter = new Counter({
      name: `meshtrust_certificate_cache_${suffix}`,
      help,
      labelNames: ['cache'],
      registers: [registry],
      collect: () => {
        counter.reset();
        for (const [name, cache] of Object.entries(stats())) counter.inc({ cache: name }, valueOf(cache));
      },
    });
  }
  const bytes = new Gauge({
    name: 'meshtrust_certificate_cache_bytes',
    help: 'Estimated size of what is kept.',
    labelNames: ['cache'],
    registers: [registry],
    collect: () => {
      for (const [name, cache] of Object.entries(stats())) bytes.set({ cache: name }, cache.bytes);
    },
  });
}

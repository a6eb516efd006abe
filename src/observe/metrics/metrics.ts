import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { SourceEvent } from '../../trust/source.ts';
import type { AnchorReader, CacheStats } from '../../trust/x509/anchor-reader.ts';
import type { XdsObserver } from '../../xds/index.ts';
import { countDenied, createAuthFailures } from './auth-failures.ts';
import type { AuthFailure } from './auth-failures.ts';
import { createConvergence } from './convergence.ts';
import { proxyStates } from '../../fleet/assess.ts';
import type { StateCounts } from '../../fleet/rollout.ts';
import { createFederationMetrics } from './federation-metrics.ts';
import type { FederationMetrics } from './federation-metrics.ts';
import { noLagSamples, registerLoopLag } from './loop-lag.ts';
import { mergeMetrics } from './merge-metrics.ts';
import type { StreamMetric } from './merge-metrics.ts';
import { authorityGauges, stateGauges } from './state-gauges.ts';
import type { StateGauge } from './state-gauges.ts';
import type { StateEvent, StateView } from '../../runtime/state-view.ts';
import { registerRotations } from './rotation-metrics.ts';
import type { RotationSample } from './rotation-metrics.ts';
import { createStatusMetrics, createWebhookMetrics, createTokenMetrics } from './kubernetes-metrics.ts';
import type { StatusMetrics, WebhookMetrics } from './kubernetes-metrics.ts';
import { createAccessLogMetrics } from './access-log-metrics.ts';
import type { AccessLogMetrics } from './access-log-metrics.ts';
import { createBundleMetrics } from './bundle-metrics.ts';
import type { BundleMetrics } from './bundle-metrics.ts';
import { convergenceBuckets, createXdsMetrics, unlisted } from './xds-metrics.ts';

export interface MetricsOptions {
  readonly version: string;
  /** Called at each scrape. */
  readonly view: () => StateView;
  readonly cache: AnchorReader['stats'];
  /** Whether each certificate has its own series. */
  readonly caMetrics: boolean;
  /** Returns the metrics of streams if worker processes serve the streams. */
  readonly workers?: (() => Promise<readonly (readonly StreamMetric[])[]>) | undefined;
  /** Returns the proxies by mesh and state. Called at each scrape. */
  readonly proxies?: (() => Promise<ProxyStates>) | undefined;
  /** Epoch milliseconds; default: `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** Proxies by mesh and state, and the number of lost proxies beyond those that are kept by name. */
export interface ProxyStates {
  readonly states: ReadonlyMap<string, StateCounts>;
  readonly forgotten: number;
}

/** The metrics of one running server. */
export interface Metrics {
  readonly contentType: string;
  /** All metrics in Prometheus' text format. */
  render(): Promise<string>;
  /** Counts the events of a source once they were accepted. */
  sourceEvents(source: string, events: readonly SourceEvent[]): void;
  state(event: StateEvent): void;
  /** Sets the function that returns the rotations at each scrape; none until then. */
  readonly followRotations: (rotations: () => Promise<readonly RotationSample[]>) => void;
  /** Sets the function that returns, at each scrape, the seconds that the state directory is behind; 0 until then. */
  readonly followSnapshotAge: (age: () => number) => void;
  /** Counts writes to the state directory, by result. */
  readonly stateWrite: (result: 'ok' | 'error') => void;
  /** Counts clients that the admin listener rejected. */
  readonly adminAuthFailed: (reason: AuthFailure) => void;
  /** Counts proxies that the xDS listener rejected, if this process has the listener. */
  readonly xdsAuthFailed: (reason: AuthFailure) => void;
  /** Counts requests to the API server about the tokens of proxies. */
  readonly tokenReviewed: ReturnType<typeof createTokenMetrics>;
  readonly observer: XdsObserver;
  readonly status: StatusMetrics;
  readonly webhook: WebhookMetrics;
  readonly bundles: BundleMetrics;
  readonly accessLogs: AccessLogMetrics;
  readonly federation: FederationMetrics;
}

/** Creates the metrics in a new registry. Metrics of the state are computed at each scrape. */
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
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: noLagSamples });
  registerLoopLag(registry);
  new Gauge({
    name: 'meshtrust_build_info',
    help: 'Always 1; the labels are the versions of meshtrust and Node.js.',
    labelNames: ['version', 'node_version'],
    registers,
  }).set({ version, node_version: process.version }, 1);
  const lastEvent = new Gauge({
    name: 'meshtrust_source_last_event_timestamp_seconds',
    help: 'Time of the last event of the source, in seconds since 1970.',
    labelNames: ['source'],
    registers,
  });
  const errors = new Counter({
    name: 'meshtrust_source_errors_total',
    help: 'Reported failures to read one file or object (unreadable), or a directory or list (failed).',
    labelNames: ['source', 'reason'],
    registers,
  });
  const stateWrites = new Counter({
    name: 'meshtrust_snapshot_writes_total',
    help: 'Writes of last good states to the state directory, by result (ok, error).',
    labelNames: ['result'],
    registers,
  });
  for (const result of ['ok', 'error']) stateWrites.inc({ result }, 0);
  let snapshotAge = (): number => 0;
  registerSnapshotAge(registry, () => snapshotAge());
  const debounce = new Histogram({
    name: 'meshtrust_xds_debounce_seconds',
    help: 'Time from the first cause of a change until it is built and can be sent.',
    buckets: convergenceBuckets,
    registers,
  });
  const build = new Histogram({
    name: 'meshtrust_build_seconds',
    help: 'Time to build the served state from the accepted resources, for changes that are served.',
    buckets: [0.0001, 0.0005, 0.001, ...convergenceBuckets],
    registers,
  });
  const convergence = createConvergence();

  if (proxies !== undefined) registerProxies(registry, proxies, convergence.isListed);
  let rotations = (): Promise<readonly RotationSample[]> => Promise.resolve([]);
  registerRotations(registry, () => rotations());
  const status = createStatusMetrics(registry);
  const webhook = createWebhookMetrics(registry);
  const bundles = createBundleMetrics(registry);
  const accessLogs = createAccessLogMetrics(registry);
  const federation = createFederationMetrics(registry);
  const xdsAuthFailed = workers === undefined ? createAuthFailures(registry, 'xds') : () => undefined;

  return {
    followSnapshotAge: (age) => {
      snapshotAge = age;
    },
    followRotations: (follow) => {
      rotations = follow;
    },
    status,
    webhook,
    bundles,
    accessLogs,
    federation,
    contentType: registry.contentType,
    async render() {
      const own = await registry.metrics();
      return workers === undefined ? own : `${own}\n${await mergeMetrics(await workers())}`;
    },
    sourceEvents(source, events) {
      lastEvent.set({ source }, now() / 1000);
      // An alert on an increase needs an initial value.
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
    xdsAuthFailed,
    tokenReviewed: createTokenMetrics(registry),
    observer:
      workers === undefined
        ? { ...createXdsMetrics({ registry, convergence, now }), ...countDenied(xdsAuthFailed) }
        : {},
  };
}

function registerSnapshotAge(registry: Registry, ageOf: () => number): void {
  const gauge = new Gauge({
    name: 'meshtrust_snapshot_age_seconds',
    help: 'Seconds that the state directory is behind the served state; 0 while it is up to date.',
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

/** Registers the number of proxies by mesh and state. Meshes without a listed MeshTrust share one label. */
function registerProxies(
  registry: Registry,
  proxies: () => Promise<ProxyStates>,
  isListed: (mesh: string) => boolean,
): void {
  const beyond = new Gauge({
    name: 'meshtrust_xds_proxies_forgotten',
    help: 'Lost proxies of all meshes beyond those that the server keeps by name.',
    registers: [registry],
  });
  const gauge = new Gauge({
    name: 'meshtrust_xds_proxies',
    help: 'Proxies by mesh and state relative to the served version; reconnecting and lost proxies have no connection.',
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

/** Registers the counters of the certificate cache, which are read from the cache at each scrape. */
function registerCache(registry: Registry, stats: AnchorReader['stats']): void {
  const series = [
    ['hits_total', 'Look-ups that found an entry.', ({ hits }: CacheStats) => hits],
    [
      'misses_total',
      'Look-ups that found no entry and parsed the text or certificate.',
      ({ misses }: CacheStats) => misses,
    ],
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
    help: 'Estimated size of the cache.',
    labelNames: ['cache'],
    registers: [registry],
    collect: () => {
      for (const [name, cache] of Object.entries(stats())) bytes.set({ cache: name }, cache.bytes);
    },
  });
}

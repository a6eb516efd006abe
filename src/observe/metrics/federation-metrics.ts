import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { caCount } from '../../trust/federation/relationship-status.ts';
import type { RelationshipStatus } from '../../trust/federation/relationship-status.ts';

/** One fetch of a bundle. */
interface Fetched {
  readonly relationship: { readonly mesh: string; readonly trustDomain: string };
  readonly result: string;
  readonly milliseconds: number;
}

/**
 * A series of the counter of fetches. Prometheus sees no increase in a series that begins with 1, and all results of
 * all relationships from the start on would be ten series for each. So a series begins with 0 at the first scrape after
 * its first fetch, and has its value a while later.
 */
interface FetchSeries {
  readonly labels: { readonly mesh: string; readonly trust_domain: string; readonly result: string };
  /** The fetches that the counter does not have yet. */
  added: number;
  /** When the series was scraped first, in milliseconds of the monotonic clock. */
  zeroSince: number | undefined;
}

/** For this time a new series has the value 0, in milliseconds: a second Prometheus must see it too. */
const zeroMs = 60_000;

export interface FederationMetrics {
  /** Sets the function that returns, at each scrape, the state of all relationships. */
  readonly follow: (statuses: () => readonly RelationshipStatus[]) => void;
  readonly fetched: (fetched: Fetched) => void;
}

/** Registers the metrics of the bundles of other trust domains. */
export function createFederationMetrics(registry: Registry): FederationMetrics {
  const registers = [registry];
  const labelNames = ['mesh', 'trust_domain'] as const;
  let statuses = (): readonly RelationshipStatus[] => [];
  const gauge = (
    name: string,
    help: string,
    valueOf: (status: RelationshipStatus) => number | undefined,
  ): unknown =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const status of statuses()) {
          const value = valueOf(status);
          const { mesh, trustDomain } = status.relationship;
          if (value !== undefined) this.set({ mesh, trust_domain: trustDomain }, value);
        }
      },
    });
  gauge(
    'meshtrust_federation_last_success_timestamp_seconds',
    'Time of the last successful fetch of a bundle, in seconds since 1970; 0 before the first.',
    ({ lastSuccessAt }) => (lastSuccessAt ?? 0) / 1000,
  );
  gauge('meshtrust_federation_anchors', 'Usable CA certificates of the bundle in force.', ({ document }) =>
    caCount(document),
  );
  gauge(
    'meshtrust_federation_sequence',
    'Sequence number of the bundle in force, if it has one.',
    ({ document }) => document?.sequence,
  );
  const series = new Map<string, FetchSeries>();
  const fetches = new Counter({
    name: 'meshtrust_federation_fetches_total',
    help: 'Fetches of bundles, by result: apply, unchanged, hold, withdraw, or the part that failed.',
    labelNames: [...labelNames, 'result'],
    registers,
    collect() {
      const now = performance.now();
      const present = new Set(
        statuses().map(({ relationship: { mesh, trustDomain } }) => keyOf([mesh, trustDomain])),
      );
      for (const [key, one] of series) {
        const { labels } = one;
        if (!present.has(keyOf([labels.mesh, labels.trust_domain]))) {
          series.delete(key);
          if (one.zeroSince !== undefined) fetches.remove(labels);
          continue;
        }
        const isShown = one.zeroSince !== undefined && now - one.zeroSince >= zeroMs;
        one.zeroSince ??= now;
        fetches.inc(labels, isShown ? one.added : 0);
        if (isShown) one.added = 0;
      }
    },
  });
  const seconds = new Histogram({
    name: 'meshtrust_federation_fetch_seconds',
    help: 'Time of a fetch of a bundle.',
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    registers,
  });
  return {
    follow(next) {
      statuses = next;
    },
    fetched({ relationship: { mesh, trustDomain }, result, milliseconds }) {
      const key = keyOf([mesh, trustDomain, result]);
      const labels = { mesh, trust_domain: trustDomain, result };
      const one = series.get(key) ?? { labels, added: 0, zeroSince: undefined };
      one.added += 1;
      series.set(key, one);
      seconds.observe(milliseconds / 1000);
    },
  };
}

function keyOf(parts: readonly string[]): string {
  return parts.join('\0');
}

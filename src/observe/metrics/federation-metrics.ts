import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { caCount, fetchFailureReasons } from '../../trust/federation/relationship-status.ts';
import type { RelationshipStatus } from '../../trust/federation/relationship-status.ts';

/** What a fetch can result in. */
const results = ['apply', 'unchanged', 'hold', 'withdraw', ...fetchFailureReasons] as const;

/** One fetch of a bundle. */
interface Fetched {
  readonly relationship: { readonly mesh: string; readonly trustDomain: string };
  readonly result: string;
  readonly milliseconds: number;
}

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
  const fetches = new Counter({
    name: 'meshtrust_federation_fetches_total',
    help: 'Fetches of bundles, by result: apply, unchanged, hold, withdraw, or the part that failed.',
    labelNames: [...labelNames, 'result'],
    registers,
    collect() {
      // The alert counts failures of all kinds, and Prometheus sees no increase in a series that begins with 1.
      for (const { relationship } of statuses())
        for (const result of results)
          this.inc({ mesh: relationship.mesh, trust_domain: relationship.trustDomain, result }, 0);
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
      fetches.inc({ mesh, trust_domain: trustDomain, result });
      seconds.observe(milliseconds / 1000);
    },
  };
}

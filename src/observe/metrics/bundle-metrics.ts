import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

/** The states of consumers, relative to the published bundle. */
const consumerStates = ['current', 'sent', 'behind', 'unknown'] as const;

/** A published bundle, and how many consumers have it. */
export interface BundleSample {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly sequence: number;
  readonly consumers: Readonly<Record<(typeof consumerStates)[number], number>>;
  /** Number of consumers that polled and no longer do. */
  readonly overdue: number;
}

export interface BundleMetrics {
  /** Counts a response. The names are empty where nothing is published. */
  readonly request: (mesh: string, trustDomain: string, code: number) => void;
  /** Sets the function that returns the published bundles at each scrape. */
  readonly follow: (samples: () => readonly BundleSample[]) => void;
  /** Sets the expiry of the certificate of the endpoint, in epoch milliseconds, with its profile. */
  readonly certificateUntil: (profile: 'web' | 'spiffe', notAfter: number) => void;
}

/** Registers the metrics of the bundle endpoint. */
export function createBundleMetrics(registry: Registry): BundleMetrics {
  const registers = [registry];
  const labelNames = ['mesh', 'trust_domain'];
  let samples = (): readonly BundleSample[] => [];
  const requests = new Counter({
    name: 'meshtrust_bundle_requests_total',
    help: 'Responses of the bundle endpoint by status code; mesh and trust_domain are empty where no bundle is published.',
    labelNames: [...labelNames, 'code'],
    registers,
  });
  const sequence = new Gauge({
    name: 'meshtrust_bundle_sequence',
    help: 'spiffe_sequence of the published bundle: milliseconds since 1970 at its last change.',
    labelNames,
    registers,
    collect: () => {
      sequence.reset();
      for (const { mesh, trustDomain, sequence: value } of samples())
        sequence.set({ mesh, trust_domain: trustDomain }, value);
    },
  });
  const consumers = new Gauge({
    name: 'meshtrust_bundle_consumers',
    help: 'Recent consumers of the published bundle, by whether they have its current content.',
    labelNames: [...labelNames, 'state'],
    registers,
    collect: () => {
      consumers.reset();
      for (const { mesh, trustDomain, consumers: counts } of samples())
        for (const state of consumerStates)
          consumers.set({ mesh, trust_domain: trustDomain, state }, counts[state]);
    },
  });
  const overdue = new Gauge({
    name: 'meshtrust_bundle_consumers_overdue',
    help: 'Consumers that fetched the bundle regularly and have not done so for three intervals, for a day at most.',
    labelNames,
    registers,
    collect: () => {
      overdue.reset();
      for (const { mesh, trustDomain, overdue: count } of samples())
        overdue.set({ mesh, trust_domain: trustDomain }, count);
    },
  });
  const expiry = new Gauge({
    name: 'meshtrust_bundle_certificate_expiry_timestamp_seconds',
    help: 'Expiry of the certificate of the bundle endpoint, in seconds since 1970, by its profile (web, spiffe).',
    labelNames: ['profile'],
    registers,
  });
  return {
    request: (mesh, trustDomain, code) =>
      requests.inc({ mesh, trust_domain: trustDomain, code: String(code) }),
    follow: (next) => {
      samples = next;
    },
    certificateUntil: (profile, notAfter) => expiry.set({ profile }, notAfter / 1000),
  };
}

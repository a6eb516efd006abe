import { setImmediate } from 'node:timers/promises';
import type { BundleRequest, BundleResponse } from '../../src/inputs/federation/fetch-bundle.ts';
import type { FetchReport } from '../../src/inputs/federation/poll-context.ts';
import { createFederationPoller } from '../../src/inputs/federation/poll-federation.ts';
import type { FederationPollerOptions } from '../../src/inputs/federation/poll-federation.ts';
import { createLanes } from '../../src/inputs/federation/poll-lanes.ts';
import { relationshipKey } from '../../src/trust/federation/relationship.ts';
import type { Relationship } from '../../src/trust/federation/relationship.ts';
import type { StoredBundle } from '../../src/trust/federation/stored-bundle.ts';
import { readBundleDocument } from '../../src/trust/model/bundle-document.ts';
import type { BundleDocument } from '../../src/trust/model/bundle-document.ts';
import type { TrustDomain } from '../../src/trust/model/mesh-trust.ts';
import type { SourceEvent } from '../../src/trust/source.ts';
import { createFakeClock } from './fake-clock.ts';

export const peerDomain = 'spire.test' as TrustDomain;
export const peerId = 'spiffe://spire.test/spire/server';

/** Reads a document that a test wrote. */
export function readDocument(document: unknown): BundleDocument {
  const reading = readBundleDocument(JSON.stringify(document));
  if (reading.kind === 'refused') throw new Error(reading.reason);
  return reading.document;
}

/** Returns a relationship of mesh `default` with the profile `https_spiffe`. */
export function makeRelationship(more: Partial<Relationship> = {}): Relationship {
  const { mesh = 'default', trustDomain = peerDomain } = more;
  return {
    key: relationshipKey(mesh, trustDomain),
    mesh,
    trustDomain,
    name: 'peer',
    url: 'https://spire.test/',
    profile: { kind: 'https_spiffe', id: peerId, trustDomain: peerDomain },
    bootstrap: undefined,
    place: { file: 'peer.yaml', line: 1 },
    ...more,
  };
}

export type FakeResponse = BundleResponse | ((request: BundleRequest) => BundleResponse);

/** Makes a poller with a clock and an endpoint that the test controls. */
export function makePoller(options: Partial<FederationPollerOptions> = {}) {
  const clock = createFakeClock();
  const events: SourceEvent[] = [];
  const requests: BundleRequest[] = [];
  const saved: StoredBundle[] = [];
  const forgotten: string[] = [];
  const reports: FetchReport[] = [];
  let response: FakeResponse = failure('connect');
  const poller = createFederationPoller({
    async fetch(request) {
      requests.push(request);
      return typeof response === 'function' ? response(request) : response;
    },
    clock,
    lanes: createLanes(),
    limits: { minIntervalMs: 30_000, maxIntervalMs: 900_000 },
    maxAgeMs: 0,
    userAgent: 'meshtrust/1.0 (test)',
    instance: 'test',
    maxBytes: 1_048_576,
    maxCertificates: 1000,
    denyPrivate: false,
    webCas: () => [],
    trusted: () => [],
    isDistrusted: () => false,
    stored: new Map(),
    earlier: new Set(options.stored?.keys()),
    save: (bundle) => void saved.push(bundle),
    forget: (key) => void forgotten.push(key),
    sink: (batch) => void events.push(...batch),
    onFetch: (report) => void reports.push(report),
    onChange: () => undefined,
    ...options,
  });
  /** Waits until the fetches that are due have ended. */
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  };
  return {
    poller,
    clock,
    events,
    requests,
    saved,
    forgotten,
    reports,
    settle,
    respond: (next: FakeResponse): void => {
      response = next;
    },
    /** Moves the clock forward in steps of a second, so that each fetch ends before the next timer. */
    pass: async (milliseconds: number): Promise<void> => {
      for (let left = milliseconds; left > 0; left -= 1000) {
        clock.advance(Math.min(left, 1000));
        await settle();
      }
    },
    update: (...relationships: readonly Relationship[]): void => {
      poller.update(new Map(relationships.map((one) => [one.key, one])), () => 'deletion');
    },
    /** Returns the events since the last call, one line each; texts by the number of their certificates. */
    takeEvents: (): readonly string[] =>
      events.splice(0).map((event) => {
        const path = 'path' in event ? ` ${event.path}` : '';
        if (event.kind === 'gone') return `gone${path} by ${event.evidence}`;
        if (event.kind !== 'content') return `${event.kind}${path}`;
        return `content${path}: ${event.text.split('BEGIN CERTIFICATE').length - 1}`;
      }),
  };
}

export function documentResponse(document: unknown, etag?: string): BundleResponse {
  return { kind: 'document', text: JSON.stringify(document), etag };
}

export function failure(reason: Extract<BundleResponse, { kind: 'failed' }>['reason']): BundleResponse {
  return { kind: 'failed', reason, message: `${reason} failed` };
}

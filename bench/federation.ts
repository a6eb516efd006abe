import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fetchBundle } from '../src/inputs/federation/fetch-bundle.ts';
import { createFederationPoller } from '../src/inputs/federation/poll-federation.ts';
import { createHostLookup } from '../src/inputs/federation/host-lookup.ts';
import { createLanes } from '../src/inputs/federation/poll-lanes.ts';
import { systemClock } from '../src/runtime/clock.ts';
import { relationshipKey } from '../src/trust/federation/relationship.ts';
import type { Relationship } from '../src/trust/federation/relationship.ts';
import type { TrustDomain } from '../src/trust/model/mesh-trust.ts';
import { bundleDocument, startBundleEndpoint } from '../test/kit/bundle-endpoint.ts';
import { makeCa, makeLeaf } from '../test/kit/certificates.ts';
import { makeRelationship, readDocument } from '../test/kit/federation.ts';
import { machine, report, row, spread } from './kit.ts';

// Measures the CPU that a server spends to fetch the bundles of 1,000 relationships: the poller of the server with real
// fetches over https_spiffe, each with a new TLS connection, from an endpoint in another process. Each round fetches
// all of them; in a server the rounds are an interval apart.

const count = 1000;
const rounds = 5;
/** The interval of a bundle without a refresh hint, and the shortest one (`--federation-min-interval`), in seconds. */
const intervals = [300, 30] as const;
const id = 'spiffe://host.test/server';

if (process.argv[2] === 'endpoint') {
  const ca = makeCa();
  const document = bundleDocument([ca], { sequence: 1, refreshHint: intervals[0] });
  const endpoint = await startBundleEndpoint(makeLeaf(ca, { spiffeId: id }), document);
  process.send?.({ url: endpoint.url, document });
  process.on('message', () => {
    const text = JSON.stringify(document);
    endpoint.respond((_, response) => void response.end(text));
    process.send?.('without an ETag');
  });
} else {
  const endpoint = fork(import.meta.filename, ['endpoint']);
  try {
    const [{ url, document }] = (await once(endpoint, 'message')) as [{ url: string; document: unknown }];
    const withEtag = await measure(url, document);
    endpoint.send('without an ETag');
    await once(endpoint, 'message');
    const without = await measure(url, document);
    await report([
      `# Fetching the bundles of ${count} relationships`,
      '',
      `${machine()}; ${rounds} rounds of ${count} fetches, https_spiffe, a new TLS connection for each.`,
      '',
      row(
        'what',
        'ms of CPU for a fetch: min, median, max',
        ...intervals.map((seconds) => `% of a core at an interval of ${seconds} s`),
      ),
      row('---', '---', ...intervals.map(() => '---')),
      describe('unchanged, by ETag (304)', withEtag),
      describe('unchanged, without an ETag', without),
    ]);
  } finally {
    endpoint.kill();
  }
}

function describe(what: string, perFetch: readonly number[]): string {
  const { min, median, max } = spread(perFetch);
  const shares = intervals.map((seconds) => ((100 * median * count) / (seconds * 1000)).toFixed(2));
  return row(what, [min, median, max].map((value) => value.toFixed(2)).join(', '), ...shares);
}

/** Returns the milliseconds of CPU for a fetch, of each round. */
async function measure(url: string, document: unknown): Promise<readonly number[]> {
  const bootstrap = readDocument(document);
  const [first] = bootstrap.certificates;
  if (first?.kind !== 'ca') throw new Error('the bundle has no certificate');
  const { der } = first;
  const relationships = Array.from({ length: count }, (_, index): Relationship => {
    const trustDomain = `peer-${index}.test` as TrustDomain;
    const profile = { kind: 'https_spiffe', id, trustDomain: 'host.test' as TrustDomain } as const;
    return makeRelationship({
      trustDomain,
      url,
      profile,
      bootstrap,
      key: relationshipKey('default', trustDomain),
    });
  });
  let fetched = 0;
  let done = Promise.withResolvers<void>();
  const lookupHost = createHostLookup();
  const poller = createFederationPoller({
    fetch: (request) => fetchBundle({ ...request, lookupHost }),
    clock: systemClock,
    lanes: createLanes(),
    limits: { minIntervalMs: 30_000, maxIntervalMs: 900_000 },
    maxAgeMs: 0,
    userAgent: 'meshtrust/bench (bench)',
    instance: 'bench',
    maxBytes: 1_048_576,
    maxCertificates: 1000,
    denyPrivate: false,
    webCas: () => [],
    trusted: () => [der],
    isDistrusted: () => false,
    stored: new Map(),
    earlier: new Set(),
    save: () => undefined,
    forget: () => undefined,
    sink: () => undefined,
    onFetch({ error }) {
      if (error !== undefined) done.reject(new Error(error.message));
      fetched += 1;
      if (fetched % count === 0) done.resolve();
    },
    onChange: () => undefined,
  });
  poller.update(new Map(relationships.map((one) => [one.key, one])), () => 'deletion');
  await done.promise;
  const costs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    done = Promise.withResolvers<void>();
    const before = process.cpuUsage();
    poller.refresh(() => true);
    await done.promise;
    const { user, system } = process.cpuUsage(before);
    costs.push((user + system) / 1000 / count);
  }
  poller.close();
  return costs;
}

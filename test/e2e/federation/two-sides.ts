import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { ConsumerList } from '../../../src/api/consumer-api-types.ts';
import { binaries, startEnvoys } from '../../kit/both-envoys.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import type { Envoy } from '../../kit/envoy.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { startBundleStage } from './bundle-stage.ts';
import type { BundleStage } from './bundle-stage.ts';

/** The CA of the endpoint that is verified as a web site. */
export const web = makeCa({ commonName: 'Web CA' });
const endpointId = 'spiffe://b.test/meshtrust';

export const clientOf = (ca: Certificate, trustDomain: string): Certificate =>
  makeLeaf(ca, { spiffeId: `spiffe://${trustDomain}/client` });
export const endpointOf = (ca: Certificate): Certificate => makeLeaf(ca, { spiffeId: endpointId });
export const caOf = (commonName: string): Certificate => makeCa({ commonName });

/** Two servers that trust each other's trust domain, with an Envoy each. */
export interface Sides extends AsyncDisposable {
  /** Has a.test, and publishes it over https_web. */
  readonly a: BundleStage;
  /** Has b.test, and publishes it over https_spiffe. */
  readonly b: BundleStage;
  readonly envoyOfA: Envoy;
  readonly envoyOfB: Envoy;
}

/** Starts both sides. Each polls the other one every second by default. */
export async function federate(ofA: Certificate, ofB: Certificate, intervalSeconds = 1): Promise<Sides> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  await writeFile(dir.join('web-ca.pem'), web.certPem);
  const reading = [
    '--federation',
    `--federation-min-interval=${intervalSeconds}s`,
    `--federation-max-interval=${intervalSeconds}s`,
    '--log-level=debug',
    `--federation-web-ca=${dir.join('web-ca.pem')}`,
  ];
  const leaf = makeLeaf(web, { dnsNames: ['localhost'] });
  const a = stack.use(
    await startBundleStage({ profile: 'web', leaf, trust: { 'a.test': [ofA] }, args: reading }),
  );
  const b = stack.use(
    await startBundleStage({
      profile: 'spiffe',
      leaf: endpointOf(ofB),
      trust: { 'b.test': [ofB] },
      args: reading,
    }),
  );
  await b.put('a.yaml', relationship('a.test', `${a.url}a.test`, { type: 'https_web' }));
  const first = JSON.stringify({
    keys: [
      { ...ofB.publicKey.export({ format: 'jwk' }), use: 'x509-svid', x5c: [ofB.der.toString('base64')] },
    ],
  });
  const profile = { type: 'https_spiffe', endpointSPIFFEID: endpointId };
  await a.put('b.yaml', relationship('b.test', `${b.url}bundles/default/b.test`, profile, first));
  const [newest, oldest] = binaries;
  assert.ok(newest !== undefined && oldest !== undefined);
  const [envoyOfA, envoyOfB] = await startEnvoys(stack, [
    { path: newest.path, transport: 'delta-ads', xdsPort: a.server.xdsPort },
    { path: oldest.path, transport: 'sotw-sds', xdsPort: b.server.xdsPort },
  ]);
  assert.ok(envoyOfA !== undefined && envoyOfB !== undefined);
  const owned = stack.move();
  return { a, b, envoyOfA, envoyOfB, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Returns a ClusterFederatedTrustDomain as JSON, which is YAML. */
function relationship(
  trustDomain: string,
  bundleEndpointURL: string,
  bundleEndpointProfile: object,
  trustDomainBundle?: string,
): string {
  return JSON.stringify({
    apiVersion: 'spire.spiffe.io/v1alpha1',
    kind: 'ClusterFederatedTrustDomain',
    metadata: { name: trustDomain.replaceAll('.', '-') },
    spec: { trustDomain, bundleEndpointURL, bundleEndpointProfile, trustDomainBundle },
  });
}

const consumersOf = async ({ server }: BundleStage): Promise<ConsumerList> =>
  JSON.parse((await server.admin('/api/v1/federation/consumers')).body) as ConsumerList;

/** Waits until the peer has just fetched the bundle, so that its next fetch is a whole interval away. */
export async function untilFetched(side: BundleStage, trustDomain: string): Promise<void> {
  const fetches = async (): Promise<string> =>
    JSON.stringify(
      (await consumersOf(side)).consumers
        .filter((one) => one.trustDomain === trustDomain)
        .map(({ lastFetchAt }) => lastFetchAt),
    );
  const before = await fetches();
  await poll(`the next fetch of ${trustDomain}`, async () => (await fetches()) !== before || undefined);
}

/** Returns when the side published the present bundle of a trust domain, in epoch milliseconds. */
export async function publishedAt(side: BundleStage, trustDomain: string): Promise<number> {
  const { published } = await consumersOf(side);
  return Date.parse(published.find((one) => one.trustDomain === trustDomain)?.publishedAt ?? '');
}

/** Waits until the peer holds the bundle that the side publishes, with this number of CA certificates. */
export async function untilHeld(side: BundleStage, trustDomain: string, keys: number): Promise<void> {
  await poll(`the peer to hold the bundle of ${trustDomain}`, async () => {
    const { published, consumers } = await consumersOf(side);
    const isOf = (one: { readonly trustDomain: string }): boolean => one.trustDomain === trustDomain;
    const isPublished = published.find(isOf)?.keys === keys;
    return isPublished && consumers.filter(isOf).every(({ state }) => state === 'current') ? true : undefined;
  });
}

import { rename, writeFile } from 'node:fs/promises';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { fetchBundle } from '../../bundle-endpoint/fetch-bundle.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { createClient } from '../../xds/client.ts';

const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
const web = makeCa({ commonName: 'Web CA' });
const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const fetchSecrets = '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets';

/**
 * Returns the flags of a bundle endpoint, and of a server that trusts it. Its certificate is removed with the stack.
 */
async function bundleArgs(stack: AsyncDisposableStack, listen: string): Promise<readonly string[]> {
  const dir = stack.use(await makeTempDir());
  const { certPem, keyPem } = makeLeaf(web, { dnsNames: ['localhost'] });
  await writeFile(dir.join('tls.crt'), certPem);
  await writeFile(dir.join('tls.key'), keyPem);
  await writeFile(dir.join('ca.pem'), web.certPem);
  const reading = [
    '--federation',
    '--federation-min-interval=1s',
    '--federation-max-interval=1s',
    `--federation-web-ca=${dir.join('ca.pem')}`,
  ];
  const files = [`--bundle-cert=${dir.join('tls.crt')}`, `--bundle-key=${dir.join('tls.key')}`];
  return [`--bundle-listen=${listen}`, ...files, '--bundle-serve=default/a.test', ...reading];
}

/**
 * A server with values for all metrics: a finding, proxies that connect, disconnect and send NACKs, and a consumer of
 * bundles.
 */
export interface BusyServer extends AsyncDisposable {
  readonly server: Meshtrust;
  /** One more change, which one proxy acknowledges and one refuses, and one stream less. */
  readonly happen: () => Promise<void>;
}

/** Starts the program as a user runs it; `args` are further ones. */
export async function startBusyServer(args: readonly string[] = []): Promise<BusyServer> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const put = async (pems: readonly string[]): Promise<void> => {
    await writeFile(dir.join('.new'), meshTrustYaml({ name: 't', trustDomain: 'a.test', pems }));
    await rename(dir.join('.new'), dir.join('t.yaml'));
  };
  const port = await freePort();
  const bundles = `127.0.0.1:${port}`;
  await put([a.certPem]);
  await writeFile(dir.join('bad.yaml'), 'kind: [');
  const server = stack.use(
    await startMeshtrust({
      dirs: [dir.path],
      args: ['--guard-hold=1s', '--drain-grace=0', ...(await bundleArgs(stack, bundles)), ...args],
    }),
  );
  // The server fetches its own bundle, for another trust domain of another mesh: a bundle names neither.
  // Written late: until the server is ready, its endpoint publishes nothing.
  const peer = {
    apiVersion: 'spire.spiffe.io/v1alpha1',
    kind: 'ClusterFederatedTrustDomain',
    metadata: { name: 'peer', labels: { 'kuma.io/mesh': 'other' } },
    spec: {
      trustDomain: 'peer.test',
      bundleEndpointURL: `https://localhost:${port}/a.test`,
      bundleEndpointProfile: { type: 'https_web' },
    },
  };
  await writeFile(dir.join('peer.yaml'), JSON.stringify(peer));
  const fetchIt = (): Promise<unknown> => fetchBundle(bundles, '/a.test', { ca: web.certPem });
  await fetchIt();
  const address = `127.0.0.1:${server.xdsPort}`;
  const subscribe = { type_url: secretTypeUrl, resource_names_subscribe: ['ALL'] };
  const streams = ['good', 'refuses'].map((id) => {
    const client = stack.use(createClient(address));
    const stream = client.delta(ads);
    stream.send({ ...subscribe, node: { id } });
    return stream;
  });
  for (const stream of streams) {
    stream.send({ type_url: secretTypeUrl, response_nonce: (await stream.next()).nonce });
  }
  let both = false;
  const happen = async (): Promise<void> => {
    both = !both;
    await put(both ? [a.certPem, b.certPem] : [a.certPem]);
    await fetchIt();
    for (const [index, stream] of streams.entries()) {
      const { nonce } = await stream.next();
      const refusal = index === 0 ? {} : { error_detail: { code: 13, message: 'no' } };
      stream.send({ type_url: secretTypeUrl, response_nonce: nonce, ...refusal });
    }
    using client = createClient(address);
    await client.fetch(fetchSecrets, {
      node: { id: 'asks' },
      type_url: secretTypeUrl,
      resource_names: ['ALL'],
    });
    using stream = client.delta(ads);
    stream.send({ ...subscribe, node: { id: 'passes' } });
    await stream.next();
    stream.halfClose();
    await stream.ended;
  };
  await happen();
  const owned = stack.move();
  return { server, happen, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { FederationList } from '../../../src/api/federation-api-types.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { assertNothingRejected, untilAll } from '../../kit/both-envoys.ts';
import { bundleDocument, federatedText, startBundleEndpoint } from '../../kit/bundle-endpoint.ts';
import { makeLeaf } from '../../kit/certificates.ts';
import { makeDomain } from '../../kit/domain.ts';
import { freePort } from '../../kit/free-port.ts';
import { globalIdentity, importedTrust } from '../../kit/imports.ts';
import { startKubernetes } from '../../kit/kubernetes.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { probeContinuously } from '../../kit/probe-continuously.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { createClient } from '../../xds/client.ts';
import { ads } from '../../xds/loopback/serving.ts';
import { foundCodes, untilServed } from '../program/served.ts';
import { federationCrd } from './federation-crd.ts';
import { kumaIdentityCrd, kumaTrustCrd } from './kuma-crds.ts';
import { findCluster, installCrd, listOf, meshTrust, namespace, skip, startStage } from './stage.ts';

const reader = fileURLToPath(new URL('../../../deploy/kustomize/import-reader', import.meta.url));
const td = (zone: string): string => `default.${zone}.mesh.local`;

/** Opens a stream of a proxy without resources, and returns the resources that it gets, as text. */
async function subscribe(stack: AsyncDisposableStack, { xdsPort }: Meshtrust, trustDomains: number) {
  const client = stack.use(createClient(`127.0.0.1:${xdsPort}`));
  const stream = stack.use(client.delta(ads.delta));
  const type_url = secretTypeUrl;
  stream.send({ type_url, node: { id: 'bytes' }, resource_names_subscribe: ['*'] });
  const texts = new Map<string, string>();
  // One secret for each trust domain, and one for all of them.
  while (texts.size < trustDomains + 1) {
    const { nonce, resources, removed_resources } = await stream.next();
    stream.send({ type_url, response_nonce: nonce });
    for (const { name, version, resource } of resources)
      texts.set(name, `${version} ${Buffer.from(resource.value).toString('base64')}`);
    assert.deepEqual(removed_resources, []);
  }
  const { received } = stream;
  return { texts, hasMore: () => stream.received > received };
}

test(
  'restart while the API server, the Global control plane and the peers are dead: the same bytes, and nothing is withdrawn when they are back',
  { skip },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const global = stack.use(await startKubernetes(findCluster()));
    const ofGlobal = async (command: string, input?: string): Promise<string> =>
      (await global.kubectl(['--namespace', namespace, ...command.split(' ')], input)).stdout;
    await global.kubectl(['create', 'namespace', namespace]);
    await installCrd(ofGlobal, kumaTrustCrd);
    await ofGlobal('apply -f -', kumaIdentityCrd);
    await ofGlobal('wait --for=condition=Established --timeout=30s crd/meshidentities.kuma.io');
    await ofGlobal(`apply -k ${reader}`);
    const { kubeconfig } = await global.writeKubeconfig(
      'import',
      await global.tokenOf(namespace, 'meshtrust-import'),
    );

    const stage = stack.use(await startStage(kumaTrustCrd));
    const domains = {
      listed: makeDomain('listed.test'),
      derived: makeDomain('derived.test'),
      imported: makeDomain(td('zone-2')),
      // One relationship is in a file, the other in the cluster.
      near: makeDomain('near.test'),
      far: makeDomain('far.test'),
    };
    await stage.kubectl('apply -f -', JSON.stringify(federationCrd));
    await stage.kubectl('apply -f -', kumaIdentityCrd);
    for (const crd of ['clusterfederatedtrustdomains.spire.spiffe.io', 'meshidentities.kuma.io'])
      await stage.kubectl(`wait --for=condition=Established --timeout=30s crd/${crd}`);
    const rights = JSON.parse(await stage.kubectl('get role meshtrust -o json')) as { rules: object[] };
    rights.rules.push({ apiGroups: ['kuma.io'], resources: ['meshidentities'], verbs: ['list', 'watch'] });
    await stage.kubectl('replace -f -', JSON.stringify(rights));
    const resource = 'clusterfederatedtrustdomains.spire.spiffe.io';
    await stage.kubectl(`create clusterrole federation --verb=list,watch --resource=${resource}`);
    await stage.kubectl(
      `create clusterrolebinding federation --clusterrole=federation --serviceaccount=${namespace}:meshtrust`,
    );

    const id = (name: string): string => `spiffe://${name}/spire/server`;
    const startPeer = ({ name, ca }: typeof domains.near, port: number) =>
      startBundleEndpoint(
        makeLeaf(ca, { spiffeId: id(name) }),
        bundleDocument([ca], { sequence: 1, refreshHint: 1 }),
        { port },
      );
    const peers = [
      { domain: domains.near, port: await freePort() },
      { domain: domains.far, port: await freePort() },
    ] as const;
    const relationship = ({ domain: { name, ca }, port }: (typeof peers)[number]): string =>
      federatedText({
        trustDomain: name,
        name: name.replace('.', '-'),
        url: `https://localhost:${port}/`,
        id: id(name),
        bundle: bundleDocument([ca]),
      });
    const endpoints = await Promise.all(peers.map(({ domain, port }) => startPeer(domain, port)));
    for (const endpoint of endpoints) stack.use(endpoint);

    const identity = {
      apiVersion: 'kuma.io/v1alpha1',
      kind: 'MeshIdentity',
      metadata: { name: 'identity', namespace },
      spec: {
        spiffeID: { trustDomain: domains.derived.name },
        provider: {
          type: 'Bundled',
          bundled: {
            insecureAllowSelfSigned: true,
            ca: {
              certificate: {
                type: 'InsecureInline',
                insecureInline: { value: domains.derived.ca.certPem },
              },
              privateKey: { type: 'InsecureInline', insecureInline: { value: domains.derived.ca.keyPem } },
            },
          },
        },
      },
    };
    await stage.kubectl(
      'apply -f -',
      listOf(meshTrust(domains.listed), JSON.stringify(identity), relationship(peers[1])),
    );
    await ofGlobal(
      'apply -f -',
      listOf(
        globalIdentity('{{ .Mesh }}.{{ .Zone }}.mesh.local'),
        importedTrust(
          domains.imported.name,
          [domains.imported.ca.certPem],
          { origin: 'zone', zone: 'zone-2' },
          'two',
        ),
      ),
    );
    const dir = stack.use(await makeTempDir());
    const state = stack.use(await makeTempDir());
    await watchedDir(dir.path).put('near.yaml', relationship(peers[0]));
    const options = {
      dirs: [dir.path],
      args: [
        '--identities',
        '--zone=zone-1',
        `--import-kubeconfig=${kubeconfig}`,
        '--federation',
        '--federation-min-interval=1s',
        '--federation-max-interval=1s',
        `--state-dir=${state.join('state')}`,
        '--guard-hold=0',
      ],
    };
    const expected = Object.values(domains)
      .map(({ name }) => `${name}: CA of ${name}`)
      .sort();
    const first = await stage.meshtrust(options);
    await untilServed(first, expected, 30_000);
    const relationships = async ({ admin }: Meshtrust): Promise<string> => {
      const { relationships: all } = JSON.parse((await admin('/api/v1/federation')).body) as FederationList;
      return all
        .map(({ trustDomain, state: now }) => `${trustDomain} ${now}`)
        .sort()
        .join();
    };
    const untilPeers = (server: Meshtrust, wanted: string) =>
      poll(`the peers: ${wanted}`, async () => (await relationships(server)) === wanted || undefined, {
        timeoutMs: 30_000,
      });
    await untilPeers(first, 'far.test fetched,near.test fetched');
    const envoys = await stage.envoys(first);
    for (const { client } of Object.values(domains)) await untilAll(envoys, client, 'accepted');
    const before = await subscribe(stack, first, expected.length);
    await using probe = probeContinuously(
      envoys.flatMap(({ port, nodeId }) =>
        Object.values(domains).map(({ name, client }) => ({
          name: `${name} at ${nodeId}`,
          port,
          identity: client,
        })),
      ),
    );
    await probe.round();

    await first.stop();
    await Promise.all([
      stage.cluster.stopServer(),
      global.stopServer(),
      ...endpoints.map((endpoint) => endpoint[Symbol.asyncDispose]()),
    ]);
    const { xdsPort, adminPort } = first;
    // Waits until the server is ready.
    const second = await stage.meshtrust({ ...options, xdsPort, adminPort });
    const after = await subscribe(stack, second, expected.length);

    await t.test('everything is dead: ready, with the same bytes', async () => {
      assert.deepEqual(after.texts, before.texts);
      await second.logged('the Global control plane', ({ code }) => code === 'MT091', 30_000);
      await second.logged('the API server', ({ code }) => code === 'MT001', 30_000);
      await second.logged(
        'the peer',
        ({ event, result }) => event === 'federation' && result === 'connect',
        30_000,
      );
      // The wait for the relationships in the cluster has ended.
      const unknown = 'the relationships of the cluster are not known yet';
      await second.logged('the relationships', (line) => JSON.stringify(line).includes(unknown), 30_000);
      assert.deepEqual((await subscribe(stack, second, expected.length)).texts, before.texts);
      assert.equal((await second.admin('/readyz')).status, 200);
      await probe.round();
    });

    await t.test('all are back with the same content: nothing is withdrawn or sent', async () => {
      await Promise.all([stage.cluster.startServer(), global.startServer()]);
      for (const { domain, port } of peers) stack.use(await startPeer(domain, port));
      await untilPeers(second, 'far.test fetched,near.test fetched');
      await poll(
        'the end of the findings',
        async () => {
          const codes = await foundCodes(second);
          return ['MT001', 'MT083', 'MT091'].some((code) => codes.includes(code)) ? undefined : true;
        },
        { timeoutMs: 60_000 },
      );
      assert.deepEqual((await subscribe(stack, second, expected.length)).texts, before.texts);
      assert.equal(after.hasMore(), false, 'a stream since the restart has no further response');
      const changes = second
        .logs()
        .filter(({ event, change }) => event === 'trust-changed' && change !== 'listed');
      assert.deepEqual(changes, []);
      const { probes, refusals } = await probe.stop();
      assert.deepEqual(refusals, []);
      assert.ok(probes > Object.keys(domains).length * envoys.length * 3, `${probes} probes`);
      for (const envoy of envoys) await assertNothingRejected(envoy);
    });
  },
);

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundleDocument, federatedText, startBundleEndpoint } from '../../kit/bundle-endpoint.ts';
import {
  assertNothingRejected,
  eachEnvoy,
  skipWithoutEnvoys as skip,
  untilAll,
} from '../../kit/both-envoys.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { makeDomain } from '../../kit/domain.ts';
import { probeContinuously } from '../../kit/probe-continuously.ts';
import { startStage } from './stage.ts';

const trustDomain = 'spire.test';
const id = `spiffe://${trustDomain}/spire/server`;
/** The refresh hint in seconds. A change reaches proxies within it, but a busy machine may take longer. */
const hint = 5;
const withinMs = 30_000;

test('bundle of a peer: Envoys admit its clients', { skip }, async (t) => {
  const domainOf = (commonName: string) => makeDomain(trustDomain, makeCa({ commonName }));
  const [first, second] = [domainOf('CA 1'), domainOf('CA 2')];
  const own = makeDomain('own.test');
  const document = (sequence: number, ...domains: readonly (typeof first)[]) =>
    bundleDocument(
      domains.map(({ ca }) => ca),
      { sequence, refreshHint: hint },
    );
  const endpointLeaf = (by: typeof first) => makeLeaf(by.ca, { spiffeId: id });
  await using endpoint = await startBundleEndpoint(endpointLeaf(first), document(1, first));
  await using stage = await startStage({
    files: {
      'own.yaml': own.yaml(),
      'peer.yaml': federatedText({ trustDomain, url: endpoint.url, id, bundle: document(1, first) }),
    },
    args: ['--federation', '--federation-min-interval=1s'],
  });
  const targets = (client: typeof first.client) =>
    stage.envoys.map(({ nodeId, port }) => ({ name: nodeId, port, identity: client }));
  await using always = probeContinuously(targets(own.client));
  await untilAll(stage.envoys, first.client, 'accepted');
  await untilAll(stage.envoys, second.client, 'refused');

  await t.test('a CA is added at the peer: its client is admitted', async () => {
    await using old = probeContinuously(targets(first.client));
    await old.round();
    endpoint.serve(document(2, first, second));
    await untilAll(stage.envoys, second.client, 'accepted', withinMs);
    assert.deepEqual((await old.stop()).refusals, []);
  });

  await t.test('a CA is removed at the peer: its client is refused', async () => {
    await using renewed = probeContinuously(targets(second.client));
    await renewed.round();
    endpoint.present(endpointLeaf(second));
    endpoint.serve(document(3, second));
    await untilAll(stage.envoys, first.client, 'refused', withinMs);
    assert.deepEqual((await renewed.stop()).refusals, []);
  });

  await t.test('the endpoint fails in every way: its client is still admitted', async () => {
    await using client = probeContinuously(targets(second.client));
    await client.round();
    endpoint.respond((_, response) => void response.writeHead(200).end('{"keys":'));
    await stage.meshtrust.logged('half a document', ({ result }) => result === 'document', withinMs);
    endpoint.present(makeLeaf(makeCa(), { spiffeId: id }));
    await stage.meshtrust.logged('another CA', ({ result }) => result === 'identity', withinMs);
    await endpoint[Symbol.asyncDispose]();
    await stage.meshtrust.logged('no connection', ({ result }) => result === 'connect', withinMs);
    await client.round();
    assert.deepEqual((await client.stop()).refusals, []);
  });

  await t.test('the relationship is deleted: the clients of the peer are refused', async () => {
    await stage.files.remove('peer.yaml');
    await untilAll(stage.envoys, second.client, 'refused');
    assert.deepEqual((await always.stop()).refusals, []);
  });

  await eachEnvoy(t, stage.envoys, async (envoy) => assertNothingRejected(envoy));
});

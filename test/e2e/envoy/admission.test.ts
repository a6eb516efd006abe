import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import {
  assertLetIn,
  assertNothingRejected,
  assertRefused,
  eachEnvoy,
  skipWithoutEnvoys as skip,
} from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startStage } from './stage.ts';

const a = makeDomain('a.test');
const b = makeDomain('b.test');
const options = { skip, concurrency: true };

test(
  'clients of trusted and other domains: Envoy accepts those of trusted domains only',
  options,
  async (t) => {
    await using stage = await startStage({ files: { 'a.yaml': a.yaml(), 'b.yaml': b.yaml() } });
    const unknown = makeDomain('unknown.test');
    const sameName = makeDomain('a.test', makeCa({ commonName: 'CA of a.test' }));
    await eachEnvoy(t, stage.envoys, async (envoy) => {
      await assertLetIn(envoy.port, a.client);
      await assertLetIn(envoy.port, b.client);
      await assertRefused(envoy.port, unknown.client);
      // Trusted CAs both, each in its own domain alone.
      await assertRefused(envoy.port, makeLeaf(b.ca, { spiffeId: 'spiffe://a.test/client' }));
      await assertRefused(envoy.port, makeLeaf(a.ca, { spiffeId: 'spiffe://b.test/client' }));
      await assertRefused(envoy.port, sameName.client);
      await assertRefused(envoy.port, makeLeaf(a.ca));
      await assertRefused(envoy.port, undefined);
      await assertNothingRejected(envoy);
    });
  },
);

test('file of a new trust domain is written: its clients are accepted', options, async (t) => {
  await using stage = await startStage({ files: { 'a.yaml': a.yaml() } });
  await stage.files.overwrite('b.yaml', b.yaml());
  await eachEnvoy(t, stage.envoys, async (envoy) => {
    await untilDecision(envoy.port, b.client, 'accepted');
    await assertLetIn(envoy.port, a.client);
    await assertNothingRejected(envoy);
  });
});

test(
  'anchor is an intermediate: its clients are accepted, with and without their chain',
  options,
  async (t) => {
    const root = makeCa({ commonName: 'Root that nobody lists' });
    const anchor = makeIntermediate(root, { commonName: 'Anchor' });
    const below = makeIntermediate(anchor, { commonName: 'Below the anchor' });
    const domain = makeDomain('chain.test', anchor);
    await using stage = await startStage({ files: { 'chain.yaml': domain.yaml() } });
    const deep = makeLeaf(below, { spiffeId: 'spiffe://chain.test/deep' });
    await eachEnvoy(t, stage.envoys, async (envoy) => {
      await assertLetIn(envoy.port, domain.client);
      await assertLetIn(envoy.port, { ...domain.client, chainPem: anchor.certPem });
      await assertLetIn(envoy.port, { ...domain.client, chainPem: anchor.certPem + root.certPem });
      await assertLetIn(envoy.port, { ...deep, chainPem: below.certPem });
      // The root was never listed: what it signs beside the anchor is not trusted.
      await assertRefused(envoy.port, makeLeaf(root, { spiffeId: 'spiffe://chain.test/other' }));
      await assertNothingRejected(envoy);
    });
  },
);

test('secret of one trust domain: only clients of that domain are accepted', options, async (t) => {
  const secret = 'spiffe://a.test';
  await using stage = await startStage({
    files: { 'a.yaml': a.yaml(), 'b.yaml': b.yaml() },
    envoy: { secretNames: [secret, 'ALL'] },
  });
  await eachEnvoy(t, stage.envoys, async ({ ports: [one = 0, all = 0], ...envoy }) => {
    await assertLetIn(one, a.client);
    await assertRefused(one, b.client);
    await assertLetIn(all, a.client);
    await assertLetIn(all, b.client);
    assert.equal(await envoy.stat(`sds.${secret}.update_rejected`), 0);
  });
});

test('mesh without trust: every client is rejected', options, async (t) => {
  await using stage = await startStage({
    files: { 'a.yaml': a.yaml() },
    envoy: { mesh: 'a-mesh-that-nobody-named' },
  });
  await eachEnvoy(t, stage.envoys, async (envoy) => {
    await assertRefused(envoy.port, a.client);
    await assertRefused(envoy.port, makeLeaf(a.ca, { spiffeId: 'spiffe://deny-all.invalid/client' }));
    await assertRefused(envoy.port, undefined);
    // Rejected because of the deny-all CA in force, not because a secret is missing.
    assert.match(await envoy.get('/config_dump?resource=dynamic_active_secrets'), /deny-all\.invalid/);
    await assertNothingRejected(envoy);
  });
});

import { test } from 'node:test';

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

test('trust domain is revoked: its clients are rejected, others are not', options, async (t) => {
  await using stage = await startStage({ files: { 'a.yaml': a.yaml(), 'b.yaml': b.yaml() } });
  await stage.files.remove('b.yaml');
  await eachEnvoy(t, stage.envoys, async (envoy) => {
    await untilDecision(envoy.port, b.client, 'refused');
    await assertRefused(envoy.port, b.client);
    await assertLetIn(envoy.port, a.client);
    await assertNothingRejected(envoy);
  });
});

test('last CA is revoked: every new client is rejected, until a CA is listed again', options, async (t) => {
  await using stage = await startStage({ files: { 'a.yaml': a.yaml() } });
  await stage.files.remove('a.yaml');
  await t.test('no CA: is refused', { concurrency: true }, async (t) => {
    await eachEnvoy(t, stage.envoys, async (envoy) => {
      await untilDecision(envoy.port, a.client, 'refused');
      await assertRefused(envoy.port, a.client);
      await assertRefused(envoy.port, b.client);
      await assertRefused(envoy.port, undefined);
    });
  });
  await stage.files.put('b.yaml', b.yaml());
  await t.test('another CA: its client is accepted', { concurrency: true }, async (t) => {
    await eachEnvoy(t, stage.envoys, async (envoy) => {
      await untilDecision(envoy.port, b.client, 'accepted');
      await assertRefused(envoy.port, a.client);
      await assertNothingRejected(envoy);
    });
  });
});

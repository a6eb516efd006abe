import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeCa } from '../../kit/certificates.ts';
import { corpus } from '../../kit/corpus.ts';
import type { Envoy } from '../../kit/envoy.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import {
  assertLetIn,
  assertNothingRejected,
  assertRefused,
  skipWithoutEnvoys as skip,
} from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startStage } from './stage.ts';
import type { Domain } from '../../kit/domain.ts';
import type { Stage } from './stage.ts';

/** Each kind of broken input, with a separate trust domain. */
const cases = corpus.map((input, index) => {
  const domain = makeDomain(`broken-${index}.test`);
  const { name, ca } = domain;
  return {
    ...input,
    domain,
    client: domain.client,
    fileName: `broken-${index}.yaml`,
    text: input.file({ name: `trust-${name}`, trustDomain: name, pem: ca.certPem }),
  };
});

const good = makeDomain('good.test');
const goodClient = good.client;
const firstMarker = newMarker();

test(
  'broken input of every kind: the valid input beside it is served, and Envoy rejects nothing',
  { skip },
  async (t) => {
    await using stage = await startStage({
      files: { 'good.yaml': good.yaml(), 'marker.yaml': firstMarker.yaml() },
    });
    let marker = firstMarker;
    for (const { name, fileName, text, client, ca } of cases) {
      await stage.files.overwrite(fileName, text);
      // Outside of the subtest: if a good change does not arrive, no later change will.
      marker = await replaceMarker(stage, marker, `after ${name}`);
      await t.test(name, () =>
        atEach(stage, async (envoy) => {
          await assertLetIn(envoy.port, goodClient);
          if (ca === 'kept') await assertLetIn(envoy.port, client);
          else await assertRefused(envoy.port, client);
          await assertNothingRejected(envoy);
        }),
      );
    }
    await assertNoSecrets(stage);
  },
);

test('good file is replaced by any broken input: its clients are still accepted', { skip }, async (t) => {
  const files = Object.fromEntries(cases.map(({ fileName, domain }) => [fileName, domain.yaml()]));
  await using stage = await startStage({ files: { ...files, 'marker.yaml': firstMarker.yaml() } });
  for (const { fileName, text } of cases) await stage.files.overwrite(fileName, text);
  await replaceMarker(stage, firstMarker, 'after the whole corpus');
  for (const { name, client } of cases) {
    await t.test(name, () => atEach(stage, (envoy) => assertLetIn(envoy.port, client)));
  }
  await atEach(stage, (envoy) => assertNothingRejected(envoy));
  await assertNoSecrets(stage);
});

function newMarker(): Domain {
  return makeDomain('marker.test', makeCa({ commonName: 'Marker' }));
}

/**
 * Writes another CA over the marker's. A CA is taken away only when its file has rested for a while: once
 * that is in force, so is whatever was written before it.
 */
async function replaceMarker(stage: Stage, old: Domain, when: string): Promise<Domain> {
  const marker = newMarker();
  const [newClient, oldClient] = [marker.client, old.client];
  await stage.files.overwrite('marker.yaml', marker.yaml());
  await atEach(
    stage,
    async ({ port }) => {
      await untilDecision(port, newClient, 'accepted');
      await untilDecision(port, oldClient, 'refused');
    },
    when,
  );
  return marker;
}

async function atEach({ envoys }: Stage, check: (envoy: Envoy) => Promise<void>, when = ''): Promise<void> {
  await Promise.all(
    envoys.map((envoy) =>
      check(envoy).catch((error: unknown) => {
        throw new Error(`at ${envoy.nodeId} ${when}`, { cause: error });
      }),
    ),
  );
}

/** Asserts that proxies received only certificates. */
async function assertNoSecrets(stage: Stage): Promise<void> {
  await atEach(stage, async (envoy) => {
    const dump = await envoy.get('/config_dump?resource=dynamic_active_secrets');
    assert.match(dump, /BEGIN CERTIFICATE/);
    assert.doesNotMatch(dump, /PRIVATE KEY|X509 CRL|PKCS7/);
  });
}

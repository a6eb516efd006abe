import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeCa } from '../kit/certificates.ts';
import { corpus } from '../kit/corpus.ts';
import { untilDecision } from '../kit/tls-client.ts';
import { assertLetIn, assertNothingRejected, assertRefused, makeDomain, skip, startStage } from './stage.ts';
import type { Domain, Stage } from './stage.ts';

/** Each kind of broken input with a trust domain of its own. */
const cases = corpus.map((input, index) => {
  const domain = makeDomain(`broken-${index}.test`);
  const { name, ca } = domain;
  return {
    ...input,
    domain,
    client: domain.client(),
    fileName: `broken-${index}.yaml`,
    text: input.file({ name: `trust-${name}`, trustDomain: name, pem: ca.certPem }),
  };
});

const good = makeDomain('good.test');
const goodClient = good.client();

test(
  'beside broken input of every kind the good is served, and Envoy rejects nothing',
  { skip },
  async (t) => {
    await using stage = await startStage({
      files: { 'good.yaml': good.yaml(), 'marker.yaml': newMarker().yaml() },
    });
    for (const { name, fileName, text, client, ca } of cases) {
      await t.test(name, async () => {
        await stage.files.overwrite(fileName, text);
        await passMarker(stage);
        await atEach(stage, async (envoy) => {
          await assertLetIn(envoy.port, goodClient);
          // What is whole in a broken file may come a moment after the marker: nothing waits for it.
          if (ca === 'kept') await untilDecision(envoy.port, client, 'accepted');
          else await assertRefused(envoy.port, client);
          await assertNothingRejected(envoy);
        });
      });
    }
    await assertNoSecrets(stage);
  },
);

test('a good file that breaks, in any way, keeps its clients', { skip }, async (t) => {
  const files = Object.fromEntries(cases.map(({ fileName, domain }) => [fileName, domain.yaml()]));
  await using stage = await startStage({ files: { ...files, 'marker.yaml': newMarker().yaml() } });
  for (const { fileName, text } of cases) await stage.files.overwrite(fileName, text);
  await passMarker(stage);
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
 * Writes over the marker's file, which takes its certificate away: such a change is applied only when the
 * file has rested, so once it is in force, so is whatever was written before it.
 */
async function passMarker(stage: Stage): Promise<void> {
  const marker = newMarker();
  const client = marker.client();
  await stage.files.overwrite('marker.yaml', marker.yaml());
  await atEach(stage, async ({ port }) => {
    await untilDecision(port, client, 'accepted');
  });
}

async function atEach(
  { envoys }: Stage,
  check: (envoy: Stage['envoys'][number]) => Promise<void>,
): Promise<void> {
  await Promise.all(
    envoys.map((envoy) =>
      check(envoy).catch((error: unknown) => {
        throw new Error(`at ${envoy.nodeId}`, { cause: error });
      }),
    ),
  );
}

/** Nothing but certificates reached a proxy. */
async function assertNoSecrets(stage: Stage): Promise<void> {
  await atEach(stage, async (envoy) => {
    const dump = await envoy.admin('/config_dump?resource=dynamic_active_secrets');
    assert.match(dump, /BEGIN CERTIFICATE/);
    assert.doesNotMatch(dump, /PRIVATE KEY|X509 CRL|PKCS7/);
  });
}

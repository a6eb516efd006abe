import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeCa, makeIntermediate, makeLeaf } from '../kit/certificates.ts';
import type { Certificate } from '../kit/certificates.ts';
import { freePort } from '../kit/free-port.ts';
import { poll } from '../kit/poll.ts';
import { untilSays } from './object-status.ts';
import { makeDomain, meshTrust, namespace, skip, startStage, untilAll } from './stage.ts';
import type { Stage } from './stage.ts';

const day = 86_400_000;
const damaged = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

/** A MeshTrust of any PEM texts. */
function withPems(name: string, ...pems: readonly string[]): string {
  const object = JSON.parse(meshTrust(makeDomain(name))) as { spec: { caBundles: unknown } };
  object.spec.caBundles = pems.map((value) => ({ type: 'Pem', pem: { value } }));
  return JSON.stringify(object);
}

/** The configuration by which the API server asks on this machine; no Service leads here. */
function configuration(port: number, ca: Pick<Certificate, 'certPem'>): string {
  return JSON.stringify({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'meshtrust' },
    webhooks: [
      {
        name: 'validate.meshtrusts.kuma.io',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Ignore',
        timeoutSeconds: 5,
        clientConfig: {
          url: `https://localhost:${port}/validate`,
          caBundle: Buffer.from(ca.certPem).toString('base64'),
        },
        rules: [
          {
            apiGroups: ['kuma.io'],
            apiVersions: ['v1alpha1'],
            resources: ['meshtrusts'],
            operations: ['CREATE', 'UPDATE', 'DELETE'],
            scope: 'Namespaced',
          },
        ],
      },
    ],
  });
}

/** What kubectl prints on both of its outputs, and whether it succeeded. */
async function run(
  stage: Stage,
  command: string,
  input?: string,
): Promise<{ readonly ok: boolean; readonly text: string }> {
  return stage.cluster.kubectl(['--namespace', namespace, ...command.split(' ')], input).then(
    ({ stdout, stderr }) => ({ ok: true, text: stdout + stderr }),
    (error: unknown) => ({ ok: false, text: String(error) }),
  );
}

test('the admission webhook', { skip }, async (t) => {
  await using stage = await startStage();
  const ca = makeCa({ commonName: 'Webhook CA' });
  const serving = makeLeaf(ca, { commonName: 'meshtrust', dnsNames: ['localhost'] });
  const port = await freePort();
  const webhook = [
    `--webhook-listen=localhost:${port}`,
    `--webhook-cert=${await stage.cluster.writeFile('webhook.crt', serving.certPem)}`,
    `--webhook-key=${await stage.cluster.writeFile('webhook.key', serving.keyPem)}`,
  ];
  const meshtrust = await stage.meshtrust({ args: ['--guard-hold=1s', ...webhook] });
  const envoys = await stage.envoys(meshtrust);
  const good = makeDomain('good.test');
  const bad = withPems('bad.test', makeCa().certPem, makeCa().certPem + damaged);
  await stage.kubectl('apply -f -', configuration(port, ca));
  await poll('the API server to ask', async () =>
    (await run(stage, 'create --dry-run=server -f -', bad)).ok ? undefined : true,
  );

  await t.test('a good object applies without a word', async () => {
    assert.deepEqual(await run(stage, 'apply -f -', meshTrust(good)), {
      ok: true,
      text: 'meshtrust.kuma.io/good.test created\n',
    });
    await untilAll(envoys, good.client, 'accepted');
  });

  await t.test('a bad certificate is refused by block and reason', async () => {
    const { ok, text } = await run(stage, 'apply -f -', bad);
    assert.equal(ok, false);
    assert.match(
      text,
      /The MeshTrust "bad\.test" is invalid: spec\.caBundles\[1\]\.pem\.value: block 2: MT014 \w/,
    );
    assert.equal((await run(stage, 'get mtrust bad.test')).ok, false);
  });

  await t.test('a patch that would break a good object is refused, and trust stays', async () => {
    const spec = { caBundles: [{ type: 'Pem', pem: { value: damaged } }] };
    const file = await stage.cluster.writeFile('patch.json', JSON.stringify({ spec }));
    const { ok, text } = await run(stage, `patch mtrust good.test --type=merge --patch-file=${file}`);
    assert.equal(ok, false);
    assert.match(text, /MT005 has no certificate that can be an anchor/);
    await untilAll(envoys, good.client, 'accepted');
  });

  await t.test('kubectl prints that an intermediate will be re-rooted', async () => {
    const intermediate = makeIntermediate(makeCa({ commonName: 'Root' }));
    const { ok, text } = await run(stage, 'apply -f -', withPems('inter.test', intermediate.certPem));
    assert.equal(ok, true);
    assert.match(text, /^Warning: spec\.caBundles\[0\]\.pem\.value block 1: MT020 is an intermediate/m);
  });

  await t.test('kubectl prints that an authority expires soon', async () => {
    const soon = makeCa({ notAfter: new Date(Date.now() + 3 * day) });
    const { ok, text } = await run(stage, 'apply -f -', withPems('soon.test', soon.certPem));
    assert.equal(ok, true);
    assert.match(text, /^Warning: certificate [0-9a-f]{16}: MT023 expires on \S+, within 7 days$/m);
  });

  await t.test('kubectl prints that a trust domain loses a CA, and the CA is gone', async () => {
    const next = makeDomain('good.test');
    const { ok, text } = await run(stage, 'apply -f -', meshTrust(next));
    assert.equal(ok, true);
    assert.match(text, /^Warning: trust domain good\.test of mesh default loses CA [0-9a-f]{16}/m);
    await untilAll(envoys, good.client, 'refused');
    await untilAll(envoys, next.client, 'accepted');
    const deleted = await run(stage, 'delete mtrust good.test');
    assert.match(deleted.text, /^Warning: trust domain good\.test of mesh default is left without any CA/m);
    assert.equal(deleted.ok, true);
  });

  await t.test('a name that the API server makes', async () => {
    const object = JSON.parse(meshTrust(makeDomain('made.test'))) as { metadata: object };
    object.metadata = { ...object.metadata, name: undefined, generateName: 'made-' };
    const { ok, text } = await run(stage, 'create -f -', JSON.stringify(object));
    assert.deepEqual([ok, text.replace(/made-\w+/, 'made-x')], [true, 'meshtrust.kuma.io/made-x created\n']);
  });

  await t.test('what was asked is counted', async () => {
    const counts = await meshtrust.metric('meshtrust_webhook_requests_total');
    for (const result of ['allowed', 'warned', 'refused'])
      assert.ok(counts.get(`result="${result}"`)! > 0, result);
    for (const result of ['malformed', 'error']) assert.equal(counts.get(`result="${result}"`), 0, result);
  });

  await t.test('with the webhook away a bad object applies, and its status tells', async () => {
    await meshtrust.stop();
    assert.equal((await run(stage, 'apply -f -', bad)).text, 'meshtrust.kuma.io/bad.test created\n');
    await stage.meshtrust({ args: ['--guard-hold=1s', ...webhook] });
    const accepted = await untilSays(stage, 'bad.test', 'Accepted', 'PartlyRefused');
    assert.match(accepted.message, /block 2: MT014 /);
  });

  await t.test('what is wrong already keeps nobody from the rest of the object', async () => {
    await poll('the webhook to be asked again', async () =>
      (await run(stage, 'create --dry-run=server -f -', withPems('b.test', damaged))).ok ? undefined : true,
    );
    for (const command of ['annotate mtrust bad.test a=b', 'label mtrust bad.test c=d'])
      assert.equal((await run(stage, command)).ok, true, command);
    assert.match((await run(stage, 'label mtrust bad.test kuma.io/mesh=x --overwrite')).text, /MT014/);
  });
});

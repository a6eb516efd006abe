import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeCa } from '../../kit/certificates.ts';
import { eventsOf, getObject, untilCondition, untilObject, untilEvent } from './object-status.ts';
import { untilAll } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { meshTrust, skip, startStage } from './stage.ts';

const day = 86_400_000;
const damaged = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

/** Returns the MeshTrust of a domain with another PEM text. */
function withPem(text: string, pem: string): string {
  const object = JSON.parse(text) as { spec: { caBundles: { pem: { value: string } }[] } };
  object.spec.caBundles[0]!.pem.value = pem;
  return JSON.stringify(object);
}

test('status and Events of MeshTrusts: report each change', { skip }, async (t) => {
  await using stage = await startStage();
  const [good, other] = [makeDomain('good.test'), makeDomain('other.test')];
  await stage.kubectl('apply -f -', meshTrust(good));
  await stage.kubectl('apply -f -', meshTrust(other));
  const meshtrust = await stage.meshtrust();
  const envoys = await stage.envoys(meshtrust);
  await untilAll(envoys, good.client, 'accepted');

  await t.test('valid object: is accepted, and programmed when all proxies have it', async () => {
    const accepted = await untilCondition(stage, 'good.test', 'Accepted', 'Accepted');
    assert.equal(accepted.status, 'True');
    const { status } = await getObject(stage, 'good.test');
    assert.equal(status?.authorities, 1);
    assert.match(status?.expires ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.match(status?.version ?? '', /^[0-9a-f]{32}$/);
    assert.equal((await untilCondition(stage, 'good.test', 'Expiring', 'Valid')).status, 'False');
  });

  await t.test('kubectl get: prints the conditions', async () => {
    await untilObject(
      stage,
      'good.test',
      ({ status }) => status?.conditions.find(({ type }) => type === 'Programmed')?.status === 'True',
    );
    const [, line = ''] = (await stage.kubectl('get mtrust good.test -o wide')).split('\n');
    assert.match(line, /^good\.test +good\.test +1 +9y +True +True +\S+ +20\d\d-\S+Z$/);
  });

  await t.test('new object: the proxies that have it are counted', async () => {
    await stage.kubectl('apply -f -', meshTrust(makeDomain('new.test')));
    const programmed = await untilCondition(stage, 'new.test', 'Programmed', 'Programmed');
    assert.match(programmed.message, /^version [0-9a-f]{32} is served; 2 of 2 connected proxies/);
    const event = await untilEvent(stage, 'new.test', 'Programmed');
    assert.deepEqual([event.type, event.note], ['Normal', programmed.message]);
  });

  await t.test('bad certificate beside a good one: PartlyRefused', async () => {
    const before = await getObject(stage, 'good.test');
    await stage.kubectl('apply -f -', withPem(meshTrust(other), other.ca.certPem + damaged));
    const accepted = await untilCondition(stage, 'other.test', 'Accepted', 'PartlyRefused');
    assert.equal(accepted.status, 'False');
    assert.match(accepted.message, /^spec\.caBundles\[0\]\.pem\.value block 2: MT01[34] /);
    const event = await untilEvent(stage, 'other.test', 'PartlyRefused');
    assert.deepEqual([event.type, event.note], ['Warning', accepted.message]);
    // The trust of other domains does not change, and no other object is written.
    await untilAll(envoys, other.client, 'accepted');
    await untilAll(envoys, good.client, 'accepted');
    assert.deepEqual(await getObject(stage, 'good.test'), before);
  });

  await t.test('only bad certificates: the last good version stays in force', async () => {
    await stage.kubectl('apply -f -', withPem(meshTrust(other), damaged));
    const accepted = await untilCondition(stage, 'other.test', 'Accepted', 'StaleKept');
    assert.match(accepted.message, /MT013|MT014/);
    assert.match(accepted.message, /last good version/);
    assert.equal((await untilEvent(stage, 'other.test', 'StaleKept')).type, 'Warning');
    await untilAll(envoys, other.client, 'accepted');
  });

  await t.test(
    'new object with bad certificates only: is reported by block and reason, and affects no other trust',
    async () => {
      const bad = makeDomain('bad.test');
      const served = async (): Promise<string> =>
        (await meshtrust.admin('/api/v1/meshes/default/certificates')).body;
      const before = await served();
      await stage.kubectl('apply -f -', withPem(meshTrust(bad), damaged));
      const refused = await untilCondition(stage, 'bad.test', 'Accepted', 'Refused');
      assert.equal(refused.status, 'False');
      assert.match(
        refused.message,
        /^spec\.caBundles: MT005 .*; spec\.caBundles\[0\]\.pem\.value block 1: MT01[34] /,
      );
      assert.equal((await untilCondition(stage, 'bad.test', 'Programmed', 'NotServed')).status, 'False');
      assert.equal((await getObject(stage, 'bad.test')).status?.authorities, 0);
      const event = await untilEvent(stage, 'bad.test', 'Refused');
      assert.deepEqual([event.type, event.note], ['Warning', refused.message]);
      assert.equal(await served(), before);
      await untilAll(envoys, bad.client, 'refused');
      for (const { client } of [good, other]) await untilAll(envoys, client, 'accepted');
    },
  );

  await t.test('private key: is reported, and not quoted', async () => {
    const { keyPem, certPem } = other.ca;
    await stage.kubectl('apply -f -', withPem(meshTrust(other), certPem + keyPem));
    const { message } = await untilCondition(stage, 'other.test', 'Accepted', 'PartlyRefused');
    assert.match(message, /block 2: MT011 /);
    assert.doesNotMatch(message, new RegExp(keyPem.split('\n')[1]!.slice(0, 20)));
  });

  await t.test('fixed object: is reported', async () => {
    await stage.kubectl('apply -f -', meshTrust(other));
    await untilCondition(stage, 'other.test', 'Accepted', 'Accepted');
    assert.equal((await untilEvent(stage, 'other.test', 'Accepted')).type, 'Normal');
  });

  await t.test('CA that expires soon: is reported', async () => {
    const ca = makeCa({ commonName: 'soon', notAfter: new Date(Date.now() + 10 * day) });
    await stage.kubectl('apply -f -', meshTrust(makeDomain('soon.test', ca)));
    const expiring = await untilCondition(stage, 'soon.test', 'Expiring', 'ExpiresSoon');
    assert.match(expiring.message, /^spec\.caBundles\[0\]\.pem\.value block 1: MT023 CA CN=soon expires on /);
    assert.equal((await untilEvent(stage, 'soon.test', 'ExpiresSoon')).type, 'Warning');
    await untilCondition(stage, 'soon.test', 'Accepted', 'Accepted');
  });

  await t.test(
    'trust domain without a valid CA: is accepted, and the status says that its clients are rejected',
    async () => {
      const dates = [
        [
          'over',
          { notBefore: new Date(Date.now() - 9 * day), notAfter: new Date(Date.now() - day) },
          'MT022',
        ],
        ['early', { notBefore: new Date(Date.now() + day) }, 'MT024'],
      ] as const;
      for (const [commonName, validity, code] of dates) {
        const name = `${commonName}.test`;
        const ca = makeCa({ commonName, ...validity });
        await stage.kubectl('apply -f -', meshTrust(makeDomain(name, ca)));
        const { status, message } = await untilCondition(stage, name, 'Accepted', 'NoValidCA');
        assert.equal(status, 'True');
        assert.match(message, new RegExp(`block 1: ${code} CA CN=${commonName} .*has no valid CA`));
        assert.equal((await untilEvent(stage, name, 'NoValidCA')).type, 'Warning');
      }
    },
  );

  await t.test('field of another controller: remains; manual edit of the status: is undone', async () => {
    const origin = JSON.stringify({ status: { origin: { kri: 'kri_mtrust_x' }, authorities: 99 } });
    const file = await stage.cluster.writeFile('origin.json', origin);
    await stage.kubectl(`patch mtrust new.test --subresource=status --type=merge --patch-file=${file}`);
    await stage.kubectl('annotate mtrust new.test seen=1');
    await untilCondition(stage, 'new.test', 'Accepted', 'Accepted');
    const { status } = await untilObject(stage, 'new.test', ({ status }) => status?.authorities === 1);
    assert.deepEqual((status as { origin?: unknown } | undefined)?.origin, { kri: 'kri_mtrust_x' });
  });

  await t.test('change without an effect on trust: one write, and one Event', async () => {
    const before = await getObject(stage, 'good.test');
    await stage.kubectl('apply -f -', meshTrust(makeDomain('marker.test')));
    await untilCondition(stage, 'marker.test', 'Programmed', 'Programmed');
    assert.equal(
      (await getObject(stage, 'good.test')).metadata.resourceVersion,
      before.metadata.resourceVersion,
    );
    const notes = (await eventsOf(stage, 'new.test')).map(({ reason }) => reason);
    assert.deepEqual(notes, ['Programmed']);
    assert.deepEqual(
      before.metadata.managedFields
        .filter(({ subresource }) => subresource === 'status')
        .map(({ manager }) => manager),
      ['meshtrust'],
    );
  });
});

test('several workers: the proxies of all workers are counted', { skip }, async () => {
  await using stage = await startStage();
  const domains = ['first.test', 'second.test'].map((name) => makeDomain(name));
  const [first, second] = domains.map((domain) => meshTrust(domain));
  await stage.kubectl('apply -f -', first);
  const meshtrust = await stage.meshtrust({ args: ['--workers=2', '--guard-hold=1s'] });
  const envoys = [...(await stage.envoys(meshtrust, '-a')), ...(await stage.envoys(meshtrust, '-b'))];
  for (const { client } of domains.slice(0, 1)) await untilAll(envoys, client, 'accepted');
  await stage.kubectl('apply -f -', second);
  const { message } = await untilCondition(stage, 'second.test', 'Programmed', 'Programmed');
  assert.match(message, /; 4 of 4 connected proxies/);
});

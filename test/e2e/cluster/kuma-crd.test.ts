import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeLeaf, makeCa } from '../../kit/certificates.ts';
import { eventsOf, getObject, untilEvent } from './object-status.ts';
import { kumaTrustCrd } from './kuma-crds.ts';
import { untilAll } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { meshTrust, skip, startStage } from './stage.ts';

interface Trust {
  readonly spec: { trustDomain: string; caBundles: { type: string; pem?: { value: string } }[] };
}

/** Returns a MeshTrust with a changed spec. */
function changed(text: string, change: (spec: Trust['spec']) => void): string {
  const object = JSON.parse(text) as Trust;
  change(object.spec);
  return JSON.stringify(object);
}

test(
  "Kuma's CRD: trust is served, no object is written, and Events are sent",
  {
    skip,
  },
  async (t) => {
    await using stage = await startStage(kumaTrustCrd);
    const [standing, bad] = [makeDomain('standing.test'), makeDomain('bad.test')];
    const damaged = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    await stage.kubectl('apply -f -', meshTrust(standing));
    await stage.kubectl(
      'apply -f -',
      changed(meshTrust(bad), ({ caBundles }) => {
        caBundles[0] = { type: 'Pem', pem: { value: bad.ca.certPem + damaged } };
      }),
    );
    const before = await Promise.all(['standing.test', 'bad.test'].map((name) => getObject(stage, name)));
    const meshtrust = await stage.meshtrust({ args: ['--guard-hold=1s'] });
    const envoys = await stage.envoys(meshtrust);

    await t.test('objects at the start: are served, and an Event reports a refusal', async () => {
      await untilAll(envoys, standing.client, 'accepted');
      await untilAll(envoys, bad.client, 'accepted');
      const event = await untilEvent(stage, 'bad.test', 'PartlyRefused');
      assert.equal(event.type, 'Warning');
      assert.match(event.note, /^spec\.caBundles\[0\]\.pem\.value block 2: MT01[34] /);
    });

    await t.test('new object, another CA for it, and its deletion: Envoys follow', async () => {
      const added = makeDomain('added.test');
      await stage.kubectl('apply -f -', meshTrust(added));
      await untilAll(envoys, added.client, 'accepted');
      const event = await untilEvent(stage, 'added.test', 'Programmed');
      assert.equal(event.type, 'Normal');
      assert.match(event.note, /; 2 of 2 connected proxies/);

      const renewed = makeCa({ commonName: 'renewed CA' });
      const client = makeLeaf(renewed, { spiffeId: 'spiffe://added.test/client' });
      await untilAll(envoys, client, 'refused');
      const bundle = { type: 'Pem', pem: { value: renewed.certPem } };
      const patch = [{ op: 'add', path: '/spec/caBundles/-', value: bundle }];
      const file = await stage.cluster.writeFile('patch.json', JSON.stringify(patch));
      await stage.kubectl(`patch mtrust added.test --type=json --patch-file=${file}`);
      await untilAll(envoys, client, 'accepted');
      await untilAll(envoys, added.client, 'accepted');

      await stage.kubectl('delete mtrust added.test');
      await untilAll(envoys, client, 'refused');
      await untilAll(envoys, added.client, 'refused');
    });

    const wrong: Readonly<Record<string, (spec: Trust['spec']) => void>> = {
      'no-pem.test': ({ caBundles }) => void (caBundles[0] = { type: 'Pem' }),
      'upper.test': (spec) => void (spec.trustDomain = 'UPPER.test'),
      'port.test': (spec) => void (spec.trustDomain = 'port.test:8443'),
      'star.test': (spec) => void (spec.trustDomain = '*'),
    };
    for (const [name, change] of Object.entries(wrong)) {
      await t.test(`invalid object that the CRD accepts: ${name}`, async () => {
        await stage.kubectl('apply -f -', changed(meshTrust(makeDomain(name)), change));
        const event = await untilEvent(stage, name, 'Refused');
        assert.equal(event.type, 'Warning');
        assert.match(event.note, /^spec\.(?:caBundles\[0\]|trustDomain)\S*: MT\d\d\d /);
      });
    }

    await t.test('invalid objects: other trust and all objects do not change', async () => {
      await stage.kubectl('apply -f -', meshTrust(makeDomain('last.test')));
      await untilEvent(stage, 'last.test', 'Programmed');
      await untilAll(envoys, standing.client, 'accepted');
      await untilAll(envoys, bad.client, 'accepted');
      const after = await Promise.all(['standing.test', 'bad.test'].map((name) => getObject(stage, name)));
      assert.deepEqual(after, before);
      for (const name of ['last.test', ...Object.keys(wrong)]) {
        const { status, metadata } = await getObject(stage, name);
        assert.equal(status, undefined, name);
        assert.deepEqual(
          metadata.managedFields.map(({ manager }) => manager),
          ['kubectl-client-side-apply'],
          name,
        );
      }
      // An object that was valid before the start causes no Event.
      assert.deepEqual(await eventsOf(stage, 'standing.test'), []);
    });
  },
);

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { openCluster, textOfObject } from '../../../src/cli/cluster/rotating-objects.ts';
import { rotationKeys } from '../../../src/trust/rotation-keys.ts';
import { patchObject } from '../../../src/trust/rotation/edit-object.ts';
import type { Edit } from '../../../src/trust/rotation/edit-text.ts';
import type { Outcome } from '../../cli/run.ts';
import { untilAll } from '../../kit/both-envoys.ts';
import { makeCa } from '../../kit/certificates.ts';
import { makeDomain } from '../../kit/domain.ts';
import { probeContinuously } from '../../kit/probe-continuously.ts';
import { expectCode, makeOldCa, rotateWith, shortLeaves } from '../../kit/rotate-commands.ts';
import { reader } from '../../kit/resources.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { meshTrust, namespace, skip, startStage } from './stage.ts';

test(
  'meshtrust rotate --apply: a whole rotation of an object, and a conflicting edit',
  { skip },
  async (t) => {
    const old = makeOldCa();
    const domain = makeDomain('rotating.test', old);
    const next = makeDomain('rotating.test', makeCa({ commonName: 'New' }));
    await using dir = await makeTempDir();
    await writeFile(dir.join('old.pem'), old.certPem);
    await writeFile(dir.join('new.pem'), next.ca.certPem);
    await using stage = await startStage();
    await stage.kubectl('apply -f -', meshTrust(domain));
    await stage.kubectl('apply -f -', meshTrust(makeDomain('other.test')));
    const meshtrust = await stage.meshtrust();
    const envoys = await stage.envoys(meshtrust);
    await untilAll(envoys, domain.client, 'accepted');
    const { kubeconfig } = stage.cluster;
    const rotate = rotateWith([meshtrust], `--proxies=${envoys.length}`);
    const change = (command: string, ...args: readonly string[]): Promise<Outcome> =>
      rotate(command, '--apply', '--kubeconfig', kubeconfig, ...args);
    const pair = ['--old', dir.join('old.pem'), '--new', dir.join('new.pem'), shortLeaves];
    const targets = envoys.map(({ nodeId, port }) => ({ name: nodeId, port, identity: domain.client }));

    await t.test('plan without files: asks the servers', async () => {
      await expectCode(0, rotate('plan', ...pair));
    });

    await t.test('start to finish: the old client is refused only after the end', async () => {
      await using leaving = probeContinuously(targets);
      await expectCode(0, change('start', ...pair));
      await expectCode(0, rotate('wait', '--for=introduced', '--timeout=30s'));
      await untilAll(envoys, next.client, 'accepted');
      await expectCode(0, change('switched'));
      await expectCode(0, rotate('wait', '--for=removable', '--timeout=30s'));
      assert.deepEqual((await leaving.stop()).refusals, []);
      await using coming = probeContinuously(
        envoys.map(({ nodeId, port }) => ({ name: nodeId, port, identity: next.client })),
      );
      await expectCode(0, change('finish'));
      await expectCode(0, rotate('wait', '--for=steady', '--timeout=30s'));
      await untilAll(envoys, domain.client, 'refused');
      await expectCode(0, change('finish', '--clean'));
      assert.deepEqual((await coming.stop()).refusals, []);
      const object = await stage.kubectl('get mtrust rotating.test -o json');
      const { spec } = JSON.parse(object) as { readonly spec: { readonly caBundles: readonly unknown[] } };
      assert.equal(spec.caBundles.length, 1);
      // `kubectl apply` has its own annotation, which is kept.
      assert.ok(!object.includes('meshtrust.io/rotation') && object.includes('last-applied-configuration'));
    });

    await t.test('an object that another person changes meanwhile: R55, and their change stays', async () => {
      const signal = new AbortController().signal;
      const options = { defaultMesh: 'default', reader };
      using cluster = openCluster({ kubeconfig, kubeNamespace: namespace }, options, { env: {}, signal });
      const target = (await cluster.read()).find(
        (one) => one.kind === 'mesh-trust' && one.resource.name === 'rotating.test',
      );
      assert.ok(target?.kind === 'mesh-trust');
      const edits: readonly Edit[] = [
        { kind: 'annotate', key: rotationKeys.old, value: 'a'.repeat(64) },
        { kind: 'annotate', key: rotationKeys.new, value: 'b'.repeat(64) },
      ];
      const patch = patchObject(target.object, target.resource, edits, options, textOfObject);
      assert.ok(patch.kind === 'patch', JSON.stringify(patch));
      await stage.kubectl('annotate mtrust rotating.test team=blue');
      await assert.rejects(cluster.patch(target, patch.operations), /^CommandError: refused: R55 conflict: /);
      const object = await stage.kubectl('get mtrust rotating.test -o json');
      assert.ok(object.includes('"team": "blue"') && !object.includes('meshtrust.io'));
    });

    await t.test('an object that Kuma owns: R54 before its CA is removed', async () => {
      const marks = { old: next.ca, new: makeCa({ commonName: 'Third' }) };
      await writeFile(dir.join('third.pem'), marks.new.certPem);
      await expectCode(
        0,
        change('start', '--old', dir.join('new.pem'), '--new', dir.join('third.pem'), shortLeaves),
      );
      await expectCode(0, rotate('wait', '--for=introduced', '--timeout=30s'));
      await expectCode(0, change('switched'));
      await expectCode(0, rotate('wait', '--for=removable', '--timeout=30s'));
      const status = JSON.stringify({ status: { origin: { kri: 'kri_mid_default_zone_kuma-system_x_' } } });
      const file = await stage.cluster.writeFile('status.json', status);
      await stage.kubectl(
        `patch mtrust rotating.test --subresource=status --type=merge --patch-file=${file}`,
      );
      const { stderr } = await expectCode(1, change('finish'));
      assert.match(stderr, /^refused: R54 owned-by: .*\n$/);
    });
  },
);

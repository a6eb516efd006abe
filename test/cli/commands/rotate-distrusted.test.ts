import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { makeCa } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { fingerprintOf } from '../../kit/resources.ts';
import { expectCode, rotateWith, rotationOf } from '../../kit/rotate-commands.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../run.ts';

const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];

suite('meshtrust rotate, after the old CA was revoked', () => {
  test('before the switch → the gates do not wait for it, and finish removes it at once', async () => {
    await using dir = await makeTempDir();
    await using trust = await makeTempDir();
    const [list, file] = [dir.join('distrusted'), trust.join('trust.yaml')];
    const annotations = {
      'meshtrust.io/rotation-old': fingerprintOf(a.certPem),
      'meshtrust.io/rotation-new': fingerprintOf(b.certPem),
    };
    const pems = [a.certPem, b.certPem];
    const text = meshTrustYaml({ name: 'zone', trustDomain: 'a.test', pems });
    await writeFile(file, text.replace('spec:', `annotations: ${JSON.stringify(annotations)}\nspec:`));
    await writeFile(list, '');
    await using server = await startMeshtrust({ dirs: [trust.path], args: [`--distrust=${list}`] });
    const rotate = rotateWith([server], '--proxies=0');
    assert.match((await expectCode(1, rotate('finish', file))).stderr, /refused: R41 leaves-may-live/);

    const url = `--server=http://127.0.0.1:${server.adminPort}`;
    await expectCode(0, run(['revoke', fingerprintOf(a.certPem), `--distrust=${list}`, '--yes', url]));
    assert.equal((await rotationOf(rotate)).state, 'introduced');
    await expectCode(0, rotate('finish', '--write', file));
    assert.equal((await readFile(file, 'utf8')).match(/BEGIN CERTIFICATE/g)?.length, 1);
    await expectCode(0, rotate('wait', '--for=steady', '--timeout=30s'));
  });
});

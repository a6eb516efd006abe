import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import type { RotationDetail } from '../../../src/api/rotation-api-types.ts';
import { binaries, skipWithoutEnvoys as skip, startEnvoys, untilAll } from '../../kit/both-envoys.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { probeContinuously } from '../../kit/probe-continuously.ts';
import { expectCode, makeOldCa, rotateWith } from '../../kit/rotate-commands.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const seconds = 1000;
/** The lifetime of all leaves, and the time for which a proxy that left counts. */
const lifetime = 12 * seconds;
const skew = 1 * seconds;

/** An issuer whose leaves are short-lived. */
function makeIssuer(first: Certificate) {
  let ca = first;
  const issue = (): Certificate =>
    makeLeaf(ca, {
      spiffeId: 'spiffe://rotating.test/client',
      notAfter: new Date(Date.now() + lifetime),
    });
  return { issue, switchTo: (next: Certificate): void => void (ca = next) };
}

test(
  'meshtrust rotate with the times as they are: waits for a proxy that left and for the last leaf of the old CA, and no leaf is refused while it is valid',
  { skip },
  async () => {
    await using stack = new AsyncDisposableStack();
    const [old, next] = [makeOldCa(), makeCa({ commonName: 'New' })];
    const files = stack.use(await makeTempDir());
    const [oldFile, newFile] = [files.join('old.pem'), files.join('new.pem')];
    await writeFile(oldFile, old.certPem);
    await writeFile(newFile, next.certPem);
    const dir = stack.use(await makeTempDir());
    const file = dir.join('trust.yaml');
    await writeFile(file, makeDomain('rotating.test', old).yaml());
    // A roll-out does not wait for the proxy that left: only the rotation does.
    const server = stack.use(await startMeshtrust({ dirs: [dir.path], args: ['--lost-window=100ms'] }));
    const { xdsPort } = server;
    const [newest, oldest] = binaries;
    assert.ok(newest !== undefined && oldest !== undefined);
    const envoys = await startEnvoys(stack, [
      { path: newest.path, transport: 'delta-ads', xdsPort, nodeId: 'one' },
      { path: oldest.path, transport: 'sotw-sds', xdsPort, nodeId: 'two' },
      { path: newest.path, transport: 'delta-sds', xdsPort, nodeId: 'leaves' },
    ]);
    const staying = envoys.slice(0, 2);
    const rotate = rotateWith(
      [server],
      '--proxies=2',
      `--disconnect-window=${lifetime}ms`,
      `--clock-skew=${skew}ms`,
    );
    const waitFor = (state: string) => expectCode(0, rotate('wait', `--for=${state}`, '--timeout=60s'));
    const issuer = makeIssuer(old);
    await untilAll(envoys, issuer.issue(), 'accepted');
    await using clients = probeContinuously(
      staying.map(({ nodeId, port }) => ({ name: nodeId, port, identity: issuer.issue })),
    );

    const leftAt = Date.now();
    await envoys[2]?.[Symbol.asyncDispose]();
    await server.logged('the end of its connection', ({ event }) => event === 'proxy-disconnected');
    const pair = [`--old=${oldFile}`, `--new=${newFile}`, `--leaf-ttl=${lifetime}ms`];
    await expectCode(0, rotate('start', ...pair, '--write', file));
    await waitFor('introduced');
    assert.ok(Date.now() >= leftAt + lifetime);

    const last = issuer.issue();
    issuer.switchTo(next);
    await clients.round();
    await expectCode(0, rotate('switched', '--write', file));
    await waitFor('removable');
    const { stdout } = await expectCode(0, rotate('status', '-o', 'json'));
    const { switchedAt = '' } = JSON.parse(stdout) as RotationDetail;
    assert.ok(Date.now() >= Date.parse(switchedAt) + lifetime + skew);
    assert.ok(last.notAfter.getTime() < Date.now());
    // The old CA is still in force: its last leaf is refused because it has expired.
    await untilAll(staying, last, 'refused');
    const forged = makeLeaf(old, { spiffeId: 'spiffe://rotating.test/client' });
    await untilAll(staying, forged, 'accepted');

    await expectCode(0, rotate('finish', '--write', file));
    await waitFor('steady');
    await untilAll(staying, forged, 'refused');
    await expectCode(0, rotate('finish', '--clean', '--write', file));
    assert.ok(!(await readFile(file, 'utf8')).includes('meshtrust.io'));
    assert.deepEqual((await clients.stop()).refusals, []);
  },
);

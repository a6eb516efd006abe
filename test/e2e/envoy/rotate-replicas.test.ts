import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { binaries, skipWithoutEnvoys as skip, startEnvoys, untilAll } from '../../kit/both-envoys.ts';
import { makeCa } from '../../kit/certificates.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startForwarder } from '../../kit/forwarder.ts';
import { freePort } from '../../kit/free-port.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { probeContinuously } from '../../kit/probe-continuously.ts';
import {
  expectCode,
  makeOldCa,
  rotateWith,
  shortLeaves,
  shutGates,
  untilRotation,
} from '../../kit/rotate-commands.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { ClientIdentity } from '../../kit/tls-client.ts';

test(
  'meshtrust rotate with two replicas, and a proxy that is lost and returns to the other replica: each step waits for it, and no good client is refused',
  { skip },
  async () => {
    await using stack = new AsyncDisposableStack();
    const [old, next] = [makeOldCa(), makeCa({ commonName: 'New' })];
    const [domain, after] = [makeDomain('rotating.test', old), makeDomain('rotating.test', next)];
    const certificates = stack.use(await makeTempDir());
    await writeFile(certificates.join('old.pem'), old.certPem);
    await writeFile(certificates.join('new.pem'), next.certPem);
    const dir = stack.use(await makeTempDir());
    await writeFile(dir.join('trust.yaml'), domain.yaml());
    const one = stack.use(await startMeshtrust({ dirs: [dir.path] }));
    const two = stack.use(await startMeshtrust({ dirs: [dir.path] }));
    const link = stack.use(await startForwarder(one.xdsPort));
    const nowhere = await freePort();
    const [newest, oldest] = binaries;
    assert.ok(newest !== undefined && oldest !== undefined);
    const envoys = await startEnvoys(stack, [
      { path: newest.path, transport: 'delta-ads', xdsPort: link.port, nodeId: 'moves' },
      { path: oldest.path, transport: 'sotw-sds', xdsPort: two.xdsPort, nodeId: 'stays' },
    ]);
    const targets = (identity: ClientIdentity) =>
      envoys.map(({ nodeId, port }) => ({ name: nodeId, port, identity }));
    const rotate = rotateWith([one, two]);
    /** Breaks the connection of the proxy, which goes on with the trust that it has. */
    const cut = (): void => {
      link.reset();
      link.moveTo(nowhere);
    };
    const untilShut = (id: string): Promise<true> =>
      poll(`only ${id} to be shut`, async () => ((await shutGates(rotate)).join() === id ? true : undefined));

    await untilAll(envoys, domain.client, 'accepted');
    await using leaving = probeContinuously(targets(domain.client));
    cut();
    const pair = [`--old=${certificates.join('old.pem')}`, `--new=${certificates.join('new.pem')}`];
    await expectCode(0, rotate('start', ...pair, shortLeaves, '--write', dir.path));
    await untilShut('R20');
    const switched = await expectCode(1, rotate('switched', dir.path));
    assert.match(switched.stderr, /^refused: R20 proxies-behind: .*: waiting for .*moves \(\w+\)/);
    await expectCode(4, rotate('wait', '--for=introduced', '--timeout=1s'));
    await untilAll(envoys.slice(0, 1), after.client, 'refused');

    link.moveTo(two.xdsPort);
    await untilRotation(rotate, 'introduced');
    await untilAll(envoys, after.client, 'accepted');
    await using coming = probeContinuously(targets(after.client));
    await coming.round();
    await expectCode(0, rotate('switched', '--write', dir.path));
    await untilRotation(rotate, 'removable');
    await leaving.round();
    assert.deepEqual((await leaving.stop()).refusals, []);

    const finished = await expectCode(0, rotate('finish', dir.path));
    // It is lost again between the decision and the deployment of the file.
    cut();
    await writeFile(dir.join('.trust'), finished.stdout);
    await rename(dir.join('.trust'), dir.join('trust.yaml'));
    await untilShut('R20');
    const clean = await expectCode(1, rotate('finish', '--clean', dir.path));
    assert.match(clean.stderr, /^refused: R20 proxies-behind: .*moves/);
    await untilAll(envoys.slice(1), domain.client, 'refused');
    link.moveTo(one.xdsPort);
    await untilRotation(rotate, 'steady');
    await untilAll(envoys, domain.client, 'refused');
    await expectCode(0, rotate('finish', '--clean', '--write', dir.path));
    assert.deepEqual((await coming.stop()).refusals, []);
  },
);

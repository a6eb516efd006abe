import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fetchBundle } from '../../bundle-endpoint/fetch-bundle.ts';
import { skipWithoutEnvoys as skip, untilAll } from '../../kit/both-envoys.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { poll } from '../../kit/poll.ts';
import { probeContinuously } from '../../kit/probe-continuously.ts';
import type { ContinuousProbe } from '../../kit/probe-continuously.ts';
import {
  expectCode,
  makeOldCa,
  rotateWith,
  shortLeaves,
  shutGates,
  untilRotation,
} from '../../kit/rotate-commands.ts';
import { keepFile } from './bundle-stage.ts';
import type { BundleStage } from './bundle-stage.ts';
import { caOf, clientOf, endpointOf, federate, web } from './two-sides.ts';
import type { Sides } from './two-sides.ts';

/** Returns the commands that rotate the CA of a trust domain at one side. */
async function rotator(side: BundleStage, trustDomain: string, old: Certificate, next: Certificate) {
  const pair = [
    `--old=${await keepFile(side, 'old.pem', old.certPem)}`,
    `--new=${await keepFile(side, 'new.pem', next.certPem)}`,
    shortLeaves,
  ];
  // No consumers exist besides the known ones.
  const rotate = rotateWith([side.server], `--trust-domain=${trustDomain}`, '--consumer-window=0');
  const trust = side.join('trust');
  return {
    start: () => expectCode(0, rotate('start', ...pair, '--write', trust)),
    switched: () => expectCode(0, rotate('switched', '--write', trust)),
    finish: () => expectCode(0, rotate('finish', '--write', trust)),
    clean: () => expectCode(0, rotate('finish', '--clean', '--write', trust)),
    wait: (state: string) => untilRotation(rotate, state),
    refused: async (command: string, message: RegExp) =>
      assert.match((await expectCode(1, rotate(command, trust))).stderr, message),
    /** Waits until these gates, and no others, are shut. */
    untilShut: (...ids: readonly string[]) =>
      poll(`${ids.join()} to be shut`, async () =>
        (await shutGates(rotate)).join() === ids.join() ? true : undefined,
      ),
    timesOut: (state: string) => expectCode(4, rotate('wait', `--for=${state}`, '--timeout=1s')),
  };
}

/** Probes the Envoys of both sides with a client. */
const probeBoth = ({ envoyOfA, envoyOfB }: Sides, identity: Certificate): ContinuousProbe =>
  probeContinuously([envoyOfA, envoyOfB].map(({ nodeId, port }) => ({ name: nodeId, port, identity })));

async function assertNoRefusal(probe: ContinuousProbe): Promise<void> {
  const { refusals, probes } = await probe.stop();
  assert.deepEqual(refusals, []);
  assert.ok(probes > 0);
}

interface Finish {
  readonly rotation: Awaited<ReturnType<typeof rotator>>;
  /** Clients with a leaf of the old CA, and of the new one. */
  readonly leaving: ContinuousProbe;
  readonly coming: ContinuousProbe;
  readonly envoys: Parameters<typeof untilAll>[0];
  readonly oldClient: Certificate;
}

/** Ends a rotation whose old CA is removable: its clients are refused only then, and those of the new CA never. */
async function finishRotation({ rotation, leaving, coming, envoys, oldClient }: Finish): Promise<void> {
  await leaving.round();
  await assertNoRefusal(leaving);
  await rotation.finish();
  await rotation.wait('steady');
  await untilAll(envoys, oldClient, 'refused');
  await rotation.clean();
  await assertNoRefusal(coming);
}

suite('meshtrust rotate across two meshtrusts that federate', { skip }, () => {
  test('https_web: the switch and the end wait for the other server; no good client is refused at either end', async () => {
    const [old, next, other] = [makeOldCa('Old A'), caOf('New A'), caOf('B')];
    await using sides = await federate(old, other);
    const { a, b, envoyOfA, envoyOfB } = sides;
    const envoys = [envoyOfA, envoyOfB];
    const [oldClient, newClient] = [clientOf(old, 'a.test'), clientOf(next, 'a.test')];
    await untilAll(envoys, oldClient, 'accepted');
    await untilAll(envoys, clientOf(other, 'b.test'), 'accepted');
    await using always = probeBoth(sides, clientOf(other, 'b.test'));
    await using leaving = probeBoth(sides, oldClient);
    const rotation = await rotator(a, 'a.test', old, next);

    process.kill(b.server.pid, 'SIGSTOP');
    try {
      await rotation.start();
      await rotation.untilShut('R30');
      await rotation.refused(
        'switched',
        /^refused: R30 consumers-behind: 1 consumer without a confirmed current bundle: .* \(meshtrust\/.*\): behind\n$/,
      );
      await rotation.timesOut('introduced');
    } finally {
      process.kill(b.server.pid, 'SIGCONT');
    }
    await rotation.wait('introduced');
    await untilAll(envoys, newClient, 'accepted');
    await using coming = probeBoth(sides, newClient);
    await coming.round();
    await rotation.switched();
    await rotation.wait('removable');

    // Another consumer comes. That the bundle was written does not show that it has it.
    const address = `127.0.0.1:${new URL(a.url).port}`;
    const fetchLate = (headers: object): ReturnType<typeof fetchBundle> =>
      fetchBundle(address, '/a.test', { ca: web.certPem, headers: { 'User-Agent': 'late/1', ...headers } });
    const { headers } = await fetchLate({});
    await rotation.refused('finish', /^refused: R30 consumers-behind: .*127\.0\.0\.1 \(late\/1\): sent\n$/);
    await fetchLate({ 'If-None-Match': headers['etag'] });

    await finishRotation({ rotation, leaving, coming, envoys, oldClient });
    await assertNoRefusal(always);
  });

  test('https_spiffe, whose endpoint has a certificate of the CA: the other server can fetch at every step', async () => {
    const [other, old, next] = [caOf('A'), makeOldCa('Old B'), caOf('New B')];
    await using sides = await federate(other, old);
    const { b, envoyOfA, envoyOfB } = sides;
    const envoys = [envoyOfA, envoyOfB];
    const [oldClient, newClient] = [clientOf(old, 'b.test'), clientOf(next, 'b.test')];
    await untilAll(envoys, oldClient, 'accepted');
    await using leaving = probeBoth(sides, oldClient);
    const rotation = await rotator(b, 'b.test', old, next);
    await rotation.start();
    await rotation.wait('introduced');
    await untilAll(envoys, newClient, 'accepted');
    await using coming = probeBoth(sides, newClient);
    await b.renew(endpointOf(next));
    await rotation.switched();
    await rotation.wait('removable');
    await finishRotation({ rotation, leaving, coming, envoys, oldClient });
  });
});

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fetchBundle } from '../../bundle-endpoint/fetch-bundle.ts';
import { skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { probeContinuously } from '../../kit/probe-continuously.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import { caOf, clientOf, endpointOf, federate, untilHeld, web } from './two-sides.ts';

suite('two meshtrusts that federate', { skip }, () => {
  test('CA that is added at one side: its clients are accepted at the other; removed: refused', async (t) => {
    const [one, two, other] = [caOf('one'), caOf('two'), caOf('other')];
    await using sides = await federate(one, other);
    const { a, envoyOfA, envoyOfB } = sides;
    await untilDecision(envoyOfB.port, clientOf(one, 'a.test'), 'accepted');
    await untilDecision(envoyOfA.port, clientOf(other, 'b.test'), 'accepted');
    await untilDecision(envoyOfB.port, clientOf(two, 'a.test'), 'refused');
    await a.list('a.test', [one, two]);
    const added = await untilDecision(envoyOfB.port, clientOf(two, 'a.test'), 'accepted');
    // The CA of one trust domain never speaks for another.
    await untilDecision(envoyOfB.port, clientOf(two, 'b.test'), 'refused');
    await a.list('a.test', [two]);
    const removed = await untilDecision(envoyOfB.port, clientOf(one, 'a.test'), 'refused');
    const [accepted, refused] = [added, removed].map(({ elapsedMs }) => Math.round(elapsedMs));
    t.diagnostic(`with a poll interval of 1 s: accepted after ${accepted} ms, refused after ${refused} ms`);
    await untilDecision(envoyOfB.port, clientOf(two, 'a.test'), 'accepted');
  });

  test('trust domain that is known by federation alone: is not published again', async () => {
    const [one, other] = [caOf('one'), caOf('other')];
    await using sides = await federate(one, other);
    const { a, envoyOfA } = sides;
    await untilDecision(envoyOfA.port, clientOf(other, 'b.test'), 'accepted');
    const address = `127.0.0.1:${new URL(a.url).port}`;
    const { status } = await fetchBundle(address, '/b.test', { ca: web.certPem });
    assert.equal(status, 404);
    const map = await fetchBundle(address, '/bundles/default', { ca: web.certPem });
    assert.deepEqual(Object.keys((JSON.parse(map.body) as { trust_domains: object }).trust_domains), [
      'a.test',
    ]);
  });

  test('rotation of both trust domains and of the endpoint: no good client is refused at any time', async () => {
    const [oldA, newA, oldB, newB] = [caOf('old A'), caOf('new A'), caOf('old B'), caOf('new B')];
    await using sides = await federate(oldA, oldB);
    const { a, b, envoyOfA, envoyOfB } = sides;
    const good = (ca: Certificate, trustDomain: string) =>
      [envoyOfA, envoyOfB].map(({ port, nodeId }) => ({
        name: `${trustDomain} at ${nodeId}`,
        port,
        identity: clientOf(ca, trustDomain),
      }));
    const until = async (ca: Certificate, trustDomain: string, wanted: 'accepted' | 'refused') => {
      for (const { port, identity } of good(ca, trustDomain)) await untilDecision(port, identity, wanted);
    };
    await until(oldA, 'a.test', 'accepted');
    await until(oldB, 'b.test', 'accepted');
    const refusals: string[] = [];
    let probes = 0;
    const during = async (
      cas: readonly [Certificate, Certificate],
      step: () => Promise<void>,
    ): Promise<void> => {
      await using probe = probeContinuously([...good(cas[0], 'a.test'), ...good(cas[1], 'b.test')]);
      await step();
      const report = await probe.stop();
      probes += report.probes;
      refusals.push(...report.refusals);
    };
    await during([oldA, oldB], async () => {
      await a.list('a.test', [oldA, newA]);
      await b.list('b.test', [oldB, newB]);
      await untilHeld(a, 'a.test', 2);
      await untilHeld(b, 'b.test', 2);
      await b.renew(endpointOf(newB));
      await until(newA, 'a.test', 'accepted');
      await until(newB, 'b.test', 'accepted');
    });
    await during([newA, newB], async () => {
      await a.list('a.test', [newA]);
      await b.list('b.test', [newB]);
      await until(oldA, 'a.test', 'refused');
      await until(oldB, 'b.test', 'refused');
    });
    assert.deepEqual(refusals, []);
    assert.ok(probes > 8);
  });
});

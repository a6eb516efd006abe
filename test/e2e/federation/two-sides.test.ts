import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fetchBundle } from '../../bundle-endpoint/fetch-bundle.ts';
import { skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { poll } from '../../kit/poll.ts';
import { probeContinuously } from '../../kit/probe-continuously.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import type { BundleStage } from './bundle-stage.ts';
import {
  caOf,
  clientOf,
  endpointOf,
  federate,
  publishedAt,
  untilFetched,
  untilHeld,
  web,
} from './two-sides.ts';

/** How far apart two processes may note the same moment. */
const clockMs = 50;

/** Returns the fetches of a side so far: when each began, and its result. */
const fetchesOf = ({ server }: BundleStage) =>
  server
    .logs()
    .filter(({ event }) => event === 'federation')
    .map(({ time, ms, result }) => ({ begun: Date.parse(String(time)) - Number(ms), result }));

suite('two meshtrusts that federate', { skip }, () => {
  test('CA that is added at one side: its clients are accepted at the other; removed: refused', async () => {
    const [one, two, other] = [caOf('one'), caOf('two'), caOf('other')];
    await using sides = await federate(one, other);
    const { a, envoyOfA, envoyOfB } = sides;
    await untilDecision(envoyOfB.port, clientOf(one, 'a.test'), 'accepted');
    await untilDecision(envoyOfA.port, clientOf(other, 'b.test'), 'accepted');
    await untilDecision(envoyOfB.port, clientOf(two, 'a.test'), 'refused');
    await a.list('a.test', [one, two]);
    await untilDecision(envoyOfB.port, clientOf(two, 'a.test'), 'accepted');
    // The CA of one trust domain never speaks for another.
    await untilDecision(envoyOfB.port, clientOf(two, 'b.test'), 'refused');
    await a.list('a.test', [two]);
    await untilDecision(envoyOfB.port, clientOf(one, 'a.test'), 'refused');
    await untilDecision(envoyOfB.port, clientOf(two, 'a.test'), 'accepted');
  });

  test('change at one side: decides at the other at its next poll, within the poll interval and one second', async (t) => {
    const [one, two, other] = [caOf('one'), caOf('two'), caOf('other')];
    // Longer than the second that is allowed, so that a second poll cannot be within the limit.
    const intervalMs = 2000;
    await using sides = await federate(one, other, intervalMs / 1000);
    const { a, envoyOfB } = sides;
    const client = clientOf(two, 'a.test');
    await untilDecision(envoyOfB.port, clientOf(one, 'a.test'), 'accepted');
    /**
     * Changes the list right after a fetch, the worst moment. Returns the time until the decision at the other side.
     */
    const change = async (
      listed: readonly Certificate[],
      decision: 'accepted' | 'refused',
    ): Promise<number> => {
      await untilFetched(a, 'a.test');
      const before = fetchesOf(sides.b).length;
      const begin = performance.now();
      await a.list('a.test', listed);
      await untilDecision(envoyOfB.port, client, decision);
      const elapsed = performance.now() - begin;
      const published = await publishedAt(a, 'a.test');
      const fetches = await poll('the fetch in the log', () => {
        const all = fetchesOf(sides.b).slice(before);
        return all.some(({ result }) => result !== 'unchanged') ? all : undefined;
      });
      const applied = fetches.findIndex(({ result }) => result !== 'unchanged');
      assert.equal(fetches[applied]?.result, 'apply');
      for (const { begun } of fetches.slice(0, applied))
        assert.ok(begun < published + clockMs, 'the first fetch after the publication brings the change');
      return elapsed;
    };
    const times = { accepted: Infinity, refused: Infinity };
    // A busy machine adds its own delays, which differ from round to round. A poll too many would be in each of them.
    for (
      let round = 0;
      round < 6 && Object.values(times).some((time) => time > intervalMs + 1000);
      round += 1
    ) {
      times.accepted = Math.min(times.accepted, await change([one, two], 'accepted'));
      times.refused = Math.min(times.refused, await change([one], 'refused'));
    }
    const [accepted, refused] = [Math.round(times.accepted), Math.round(times.refused)];
    t.diagnostic(
      `poll interval ${intervalMs} ms: accepted after ${accepted} ms, refused after ${refused} ms`,
    );
    assert.ok(accepted <= intervalMs + 1000);
    assert.ok(refused <= intervalMs + 1000);
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

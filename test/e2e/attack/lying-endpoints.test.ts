import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bundleDocument, federatedText, startBundleEndpoint } from '../../kit/bundle-endpoint.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { startChild } from '../../kit/child.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { mostMemory } from '../../kit/most-memory.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import type { LyingEndpoints } from '../../kit/attacks/lying-endpoints.ts';
import { served, untilServed } from '../program/served.ts';
import { connectProxy, skip } from './under-attack.ts';

const program = fileURLToPath(new URL('../../kit/attacks/lying-endpoints.ts', import.meta.url));

/** The result of a fetch for each lie; two if they differ by profile: `https_web`, then `https_spiffe`. */
const results: Readonly<Record<string, string | readonly [web: string, spiffe: string]>> = {
  dead: 'connect',
  silent: 'connect',
  'no-tls': 'tls',
  'no-response': 'connect',
  trickle: 'connect',
  'other-ca': ['tls', 'identity'],
  'other-id': ['tls', 'identity'],
  expired: ['tls', 'identity'],
  'redirect-http': 'status',
  'redirect-loop': 'status',
  'two-gib': 'document',
  'endless-body': 'document',
  'gzip-bomb': 'document',
  'endless-headers': 'document',
  'no-http': 'document',
  cut: 'connect',
  'error-page': 'document',
  'status-500': 'status',
  'status-404': 'status',
  'deep-json': 'document',
  'many-names': 'document',
  'many-keys': 'document',
  'flapping-status': 'status',
  'flapping-connection': 'connect',
  'flapping-page': 'document',
  'flapping-empty': 'hold',
};
/** The longest turn of the event loop, in ms. The machine may be busy with other tests, as in `under-attack.ts`. */
const boundMs = Number(process.env['ATTACK_BOUND_MS'] ?? 5_000);
/** The number of fetches of each lie, at least. A silent endpoint takes ten seconds for each. */
const rounds = 2;

for (const [index, profile] of (['web', 'spiffe'] as const).entries())
  suite(`bundle endpoints that lie, https_${profile}`, { skip }, () => {
    test('every lie, several times: no CA is lost, and proxies and honest peers are served meanwhile', async () => {
      await using liars = await startChild(process.execPath, [program, profile], process.env, {
        input: true,
      });
      const { webCa, endpoints } = await poll('the endpoints', () => {
        if (liars.exited() !== undefined) throw new Error(liars.stderr());
        const [line, rest] = liars.stdout().split('\n');
        return rest === undefined ? undefined : (JSON.parse(line ?? '') as LyingEndpoints);
      });
      assert.deepEqual(endpoints.map(({ lie }) => lie).sort(), Object.keys(results).sort());
      await using dir = await makeTempDir();
      await using other = await makeTempDir();
      await writeFile(other.join('web-ca.pem'), webCa);
      const files = watchedDir(dir.path);
      const [first, second] = [makeCa({ commonName: 'first' }), makeCa({ commonName: 'second' })];
      const id = 'spiffe://honest.test/server';
      await using honest = await startBundleEndpoint(
        makeLeaf(first, { spiffeId: id }),
        bundleDocument([first]),
      );
      for (const { lie, ...endpoint } of endpoints)
        await files.put(
          `${lie}.yaml`,
          federatedText({
            ...endpoint,
            name: lie,
            bundle: profile === 'spiffe' ? endpoint.document : undefined,
          }),
        );
      const peer = { trustDomain: 'honest.test', name: 'honest', url: honest.url, id };
      await files.put('honest.yaml', federatedText({ ...peer, bundle: bundleDocument([first]) }));
      const list = (cas: readonly (typeof first)[]): Promise<void> => {
        const pems = cas.map(({ certPem }) => certPem);
        return files.put('own.yaml', meshTrustYaml({ name: 'own', trustDomain: 'own.test', pems }));
      };
      await list([first]);
      await using server = await startMeshtrust({
        dirs: [dir.path],
        args: [
          '--federation',
          '--federation-min-interval=1s',
          '--federation-max-interval=1s',
          `--federation-web-ca=${other.join('web-ca.pem')}`,
          '--log-level=debug',
        ],
        waitUntilReady: false,
      });
      const isReady = async (): Promise<true | undefined> => {
        const { status } = await server.admin('/readyz').catch(() => ({ status: 0 }));
        return status === 200 ? true : undefined;
      };
      await poll('the server to be ready', isReady, { timeoutMs: 60_000 });
      const fetches = () => server.logs().filter(({ event }) => event === 'federation');
      /** All trust that must be served, with these CAs in `own.test` and `honest.test`. */
      const expected = (own: string, ofHonest: string): readonly string[] =>
        [
          ...endpoints.map(({ lie, trustDomain }) => `${trustDomain}: ${lie}`),
          `own.test: ${own}`,
          `honest.test: ${ofHonest}`,
        ].sort();
      await poll('each bundle to be fetched', () => {
        const fetched = new Set(fetches().map(({ trustDomain }) => trustDomain));
        return fetched.size > endpoints.length || undefined;
      });
      await untilServed(server, expected('first', 'first'));
      using proxy = connectProxy(`127.0.0.1:${server.xdsPort}`, 'honest');
      await proxy.next();
      const before = await mostMemory(server);
      const fetchedBefore = fetches().length;
      await server.metric('nodejs_eventloop_lag_max_seconds');

      liars.write('lie\n');
      await poll('the lies', () => liars.stdout().includes('lying') || undefined);
      const lied = (): readonly string[] =>
        endpoints
          .filter(({ lie, trustDomain }) => {
            const result = results[lie];
            const wanted = typeof result === 'string' ? result : result?.[index];
            const ofThis = fetches()
              .slice(fetchedBefore)
              .filter((line) => line['trustDomain'] === trustDomain);
            return ofThis.filter((line) => line['result'] === wanted).length < rounds;
          })
          .map(({ lie }) => lie);
      // Each change is the next response of the proxy: a CA that a lie takes away would be one, too.
      let [changes, ofOwn, ofHonest] = [0, 'first', 'first'];
      const end = performance.now() + 60_000;
      while (lied().length > 0) {
        assert.ok(performance.now() < end, `not fetched ${rounds} times: ${lied().join()}`);
        changes += 1;
        // The peer and the file take turns, and each adds the second CA or removes it.
        const hasBoth = Math.ceil(changes / 2) % 2 === 1;
        const cas = hasBoth ? [first, second] : [first];
        const names = hasBoth ? 'first second' : 'first';
        const changed = proxy.next();
        if (changes % 2 === 0) {
          await list(cas);
          ofOwn = names;
        } else {
          honest.serve(bundleDocument(cas, { sequence: changes }));
          ofHonest = names;
        }
        await changed;
        await untilServed(server, expected(ofOwn, ofHonest));
      }
      const grown = Math.round(((await mostMemory(server)) - before) / 2 ** 20);
      const lag = (await server.metric('nodejs_eventloop_lag_max_seconds')).get('') ?? Infinity;
      if (process.env['ATTACK_REPORT'] !== undefined)
        process.stdout.write(`${profile}: ${changes} changes, grown ${grown} MiB, lag at most ${lag} s\n`);
      assert.deepEqual(await served(server), expected(ofOwn, ofHonest));
      assert.ok(changes >= 4, `${changes} changes`);
      assert.ok(lag * 1000 < boundMs, `the event loop did not turn for ${lag} s`);
      assert.ok(grown < 256, `${grown} MiB more`);
    });
  });

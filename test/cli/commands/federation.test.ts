import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bundleDocument, federatedText, startBundleEndpoint } from '../../kit/bundle-endpoint.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { run } from '../run.ts';
import { startScripted } from '../scripted-server.ts';

const trustDomain = 'spire.test';
const id = `spiffe://${trustDomain}/spire/server`;
const ca = makeCa({ commonName: 'One' });
const bundle = bundleDocument([ca], { sequence: 4 });

suite('meshtrust federation', () => {
  test('a relationship that is fetched, and one that fails: each with its state', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await using endpoint = await startBundleEndpoint(makeLeaf(ca, { spiffeId: id }), bundle);
    const dead = { trustDomain: 'dead.test', name: 'dead', url: 'https://127.0.0.1:1/' };
    await files.put(
      'peers.yaml',
      `${federatedText({ trustDomain, url: endpoint.url, id, bundle })}---\n${federatedText(dead)}`,
    );
    await using server = await startMeshtrust({
      dirs: [dir.path],
      args: ['--federation'],
      waitUntilReady: false,
    });
    const at = ['--server', `http://127.0.0.1:${server.adminPort}`];
    for (const name of ['dead.test', trustDomain])
      await server.logged(
        `a fetch of ${name}`,
        ({ event, trustDomain: of }) => event === 'federation' && of === name,
      );
    const json = await run(['federation', '-o', 'json', ...at]);
    const { relationships } = JSON.parse(json.stdout) as {
      relationships: readonly Record<string, unknown>[];
    };
    assert.deepEqual(
      relationships.map(({ trustDomain: of, state, source, anchors }) => [of, state, source, anchors]),
      [
        ['dead.test', 'failing', 'none', 0],
        [trustDomain, 'fetched', 'fetched', 1],
      ],
    );
    const { code, stdout, stderr } = await run(['federation', ...at]);
    assert.equal(code, 0);
    assert.match(stdout, /^default +dead\.test +failing +0 +- +connect: connection refused$/m);
    assert.match(stdout, /^default +spire\.test +fetched +1 +20\S+Z +-$/m);
    assert.equal(stderr, '2 relationships, 1 failing\n');

    const requests = endpoint.requests.length;
    const refresh = await run(['federation', 'refresh', '--trust-domain', trustDomain, ...at]);
    assert.equal(refresh.stderr, 'fetching 1 bundle: meshtrust federation shows the result\n');
    await poll('the fetch', () => Promise.resolve(endpoint.requests.length > requests || undefined));
    const unknown = await run(['federation', 'refresh', '--trust-domain', 'other.test', ...at]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /no such relationship/);
  });

  /** Starts an admin API with one relationship in a state. */
  const playedServer = (state: string) =>
    startScripted({
      '/federation': {
        read: true,
        relationships: [{ mesh: 'default', trustDomain, state, anchors: 1, ...failureIn(state) }],
      },
      '/federation/refresh': { refreshed: 1 },
    });
  const failureIn = (state: string): object =>
    state === 'failing' ? { error: { reason: 'connect', message: 'connection refused' } } : {};
  const statesIn = (json: string): readonly unknown[] =>
    (
      JSON.parse(json) as { relationships: readonly { readonly server: string; readonly state: string }[] }
    ).relationships.map(({ server, state }) => [server, state]);

  test('several servers: each with its own state', async () => {
    await using one = await playedServer('fetched');
    await using two = await playedServer('failing');
    const servers = [`--server=${one.url}`, `--server=${two.url}`];
    const json = await run(['federation', '-o', 'json', ...servers]);
    assert.deepEqual(statesIn(json.stdout), [
      [one.url, 'fetched'],
      [two.url, 'failing'],
    ]);
    const { code, stdout, stderr } = await run(['federation', ...servers]);
    assert.equal(code, 0);
    assert.match(stdout, /LAST SUCCESS +SERVER +ERROR/);
    assert.ok(stdout.includes(`${two.url}  connect: connection refused`), stdout);
    assert.equal(stderr, '2 relationships of 2 servers, 1 failing\n');
  });

  test('one of several servers fetches no bundles: the others are listed, and the exit code is 1', async () => {
    await using one = await playedServer('fetched');
    await using off = await startScripted({ '/federation': { read: false, relationships: [] } });
    const servers = [`--server=${off.url}`, `--server=${one.url}`];
    const { code, stdout, stderr } = await run(['federation', '-o', 'json', ...servers]);
    assert.equal(code, 1);
    assert.deepEqual(statesIn(stdout), [[one.url, 'fetched']]);
    assert.match(stderr, /error: .* fetches no bundles: start it with --federation/);
    const dead = `--server=http://127.0.0.1:${await freePort()}`;
    assert.equal((await run(['federation', ...servers, dead])).code, 3);
    assert.equal((await run(['federation', `--server=${off.url}`])).code, 1);
  });

  test('one of several servers does not answer: the others are listed and asked to fetch, and the exit code is 3', async () => {
    await using one = await playedServer('fetched');
    const dead = `--server=http://127.0.0.1:${await freePort()}`;
    for (const servers of [
      [dead, `--server=${one.url}`],
      [`--server=${one.url}`, dead],
    ]) {
      const listed = await run(['federation', '-o', 'json', ...servers]);
      assert.equal(listed.code, 3);
      assert.deepEqual(statesIn(listed.stdout), [[one.url, 'fetched']]);
      assert.match(listed.stderr, /^1 relationship of 1 server, 0 failing\nerror: .*does not answer/);
      const refreshed = await run(['federation', 'refresh', ...servers]);
      assert.equal(refreshed.code, 3);
      assert.match(refreshed.stderr, /^fetching 1 bundle: .*\nerror: .*does not answer/);
    }
    assert.equal((await run(['federation', dead])).code, 3);
  });

  test('a server without --federation: an error', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put(
      'peer.yaml',
      federatedText({ trustDomain, url: 'https://a.test/', id, bundle }),
    );
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--guard-hold=0'] });
    const { code, stderr } = await run(['federation', '--server', `http://127.0.0.1:${server.adminPort}`]);
    assert.equal(code, 1);
    assert.match(stderr, /fetches no bundles: start it with --federation/);
    await server.logged('the finding', ({ code: of }) => of === 'MT082');
  });
});

suite('meshtrust validate', () => {
  test('ClusterFederatedTrustDomains: are checked', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('peer.yaml', federatedText({ trustDomain, url: 'https://a.test/', id, bundle }));
    const good = await run(['validate', dir.path]);
    assert.equal(good.code, 0, good.stdout + good.stderr);
    assert.match(good.stderr, /^1 ClusterFederatedTrustDomain checked$/m);
    assert.doesNotMatch(good.stderr, /skipped/);
    await files.put('peer.yaml', federatedText({ trustDomain, url: 'http://a.test/', id: 'a' }));
    const bad = await run(['validate', dir.path]);
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /MT003 bundleEndpointURL must begin with https:\/\//);
    assert.match(bad.stdout, /MT003 endpointSPIFFEID must be a SPIFFE ID/);
  });
});

suite('meshtrust federation fetch', () => {
  const leaf = makeLeaf(ca, { spiffeId: id, dnsNames: ['localhost'] });

  test('https_spiffe: the bundle is explained, and printed as a resource that serve reads', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await using endpoint = await startBundleEndpoint(leaf, bundle);
    await files.put('bundle.json', JSON.stringify(bundle));
    await files.put('bundle.pem', ca.certPem);
    const fetch = ['federation', 'fetch', '--url', endpoint.url, '--endpoint-id', id, '--bundle'];
    for (const file of ['bundle.json', 'bundle.pem']) {
      const { code, stdout } = await run([...fetch, dir.join(file)]);
      assert.equal(code, 0);
      assert.match(
        stdout,
        /: the server is accepted \(https_spiffe, spiffe:\/\/spire\.test\/spire\/server\)$/m,
      );
      assert.match(stdout, /^the bundle has 1 CA certificate, sequence 4, no refresh hint/m);
      assert.match(stdout, /^key 1: CN=One, [0-9a-f]{16}, until \d{4}-\d\d-\d\d$/m);
    }
    for (const kind of ['MeshTrust', 'ClusterFederatedTrustDomain']) {
      await using out = await makeTempDir();
      const printed = await run([
        ...fetch,
        dir.join('bundle.json'),
        '--trust-domain',
        trustDomain,
        '--as',
        kind,
      ]);
      assert.equal(printed.code, 0, printed.stderr);
      await watchedDir(out.path).put('out.yaml', printed.stdout);
      const checked = await run(['validate', out.path]);
      assert.equal(checked.code, 0, checked.stdout);
      assert.match(checked.stderr, new RegExp(`^1 ${kind} (?:accepted|checked)`, 'm'));
    }
  });

  test('a key whose certificate cannot be read: does not count as a CA certificate', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('ca.pem', ca.certPem);
    const [key] = bundle['keys'] as readonly object[];
    await using endpoint = await startBundleEndpoint(leaf, {
      ...bundle,
      keys: [key, { ...key, x5c: ['AAAA'] }],
    });
    const args = ['federation', 'fetch', '--url', endpoint.url, '--federation-web-ca', dir.join('ca.pem')];
    const { code, stdout } = await run(args);
    assert.equal(code, 0);
    assert.match(stdout, /^the bundle has 1 CA certificate, 1 key without a usable one, sequence 4,/m);
  });

  test('what cannot be used: an error that says why', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put('other.pem', makeCa().certPem);
    await using endpoint = await startBundleEndpoint(leaf, { keys: [] });
    const fetch = ['federation', 'fetch', '--url', endpoint.url];
    const web = ['--federation-web-ca', dir.join('other.pem')];
    const spiffe = ['--endpoint-id', id, '--bundle', dir.join('other.pem')];
    const errors: readonly (readonly [args: readonly string[], code: number, message: RegExp])[] = [
      [[...fetch, ...web], 1, /cannot be fetched \(tls\): the certificate is of a CA that is not trusted/],
      [[...fetch, ...spiffe], 1, /cannot be fetched \(identity\)/],
      [[...fetch, '--endpoint-id', id], 2, /--endpoint-id needs --bundle/],
      [[...fetch, '--endpoint-id', 'a'], 2, /--endpoint-id must be a SPIFFE ID/],
      [[...fetch, '--as', 'MeshTrust'], 2, /--as needs --trust-domain/],
      [['federation', 'fetch', '--url', 'http://a.test/'], 2, /--url must begin with https:/],
      [['federation', 'fetch'], 2, /--url URL/],
    ];
    for (const [args, code, message] of errors) {
      const outcome = await run(args);
      assert.match(outcome.stderr, message);
      assert.equal(outcome.code, code, args.join(' '));
    }
    await watchedDir(dir.path).put('ca.pem', ca.certPem);
    const empty = await run([...fetch, '--federation-web-ca', dir.join('ca.pem')]);
    assert.equal(empty.code, 1);
    assert.match(empty.stdout, /the bundle is empty: it revokes all CA certificates/);
  });
});

import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import type { IssuerList } from '../../../src/api/issuer-api-types.ts';
import type { RotationDetail, RotationList } from '../../../src/api/rotation-api-types.ts';
import { entryOf, identifierOf, openLogStream } from '../../kit/access-log-client.ts';
import { makeCa } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../run.ts';
import type { Outcome } from '../run.ts';

const day = 86_400_000;
const old = makeCa({ commonName: 'Old', notAfter: new Date(Date.now() + 400 * day) });
const next = makeCa({
  commonName: 'New',
  notBefore: new Date(Date.now() - 2 * day),
  notAfter: new Date(Date.now() + 800 * day),
});
const fingerprintOf = ({ der }: Pick<Certificate, 'der'>): string => hash('sha256', der);

/** A MeshTrust whose rotation was switched long ago: every gate of the end is open. */
function rotatingTrust(): string {
  const annotations = {
    'meshtrust.io/rotation-old': fingerprintOf(old),
    'meshtrust.io/rotation-new': fingerprintOf(next),
    'meshtrust.io/rotation-leaf-ttl': '1h',
    'meshtrust.io/rotation-switched-at': new Date(Date.now() - day).toISOString(),
  };
  const pems = [old.certPem, next.certPem];
  return meshTrustYaml({ name: 'zone', trustDomain: 'a.test', pems }).replace(
    'spec:',
    `annotations: ${JSON.stringify(annotations)}\nspec:`,
  );
}

interface Observer extends AsyncDisposable {
  readonly server: Meshtrust;
  readonly url: string;
  /** Sends an entry of a client of each issuer, and waits until the server has counted all of it. */
  readonly send: (...issuers: readonly string[]) => Promise<void>;
  readonly issuers: () => Promise<IssuerList>;
}

async function startObserver(dir: string, args: readonly string[] = []): Promise<Observer> {
  const port = await freePort();
  const server = await startMeshtrust({
    dirs: [dir],
    args: [`--access-log-listen=127.0.0.1:${port}`, ...args],
  });
  const issuers = async (): Promise<IssuerList> =>
    JSON.parse((await server.admin('/api/v1/meshes/default/issuers')).body) as IssuerList;
  const total = ({ issuers: known, unknown, without }: IssuerList): number =>
    known.reduce((sum, { entries }) => sum + entries, unknown + without);
  return {
    server,
    url: `--server=http://127.0.0.1:${server.adminPort}`,
    issuers,
    async send(...sent) {
      const before = total(await issuers());
      using client = openLogStream(`127.0.0.1:${port}`);
      client.send({
        identifier: identifierOf('a-proxy', 'default'),
        tcp_logs: { log_entry: sent.map((issuer) => entryOf({ peer_issuer: issuer })) },
      });
      client.end();
      assert.equal((await client.status).code, 0);
      await poll('the entries', async () =>
        total(await issuers()) === before + sent.length ? true : undefined,
      );
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function rotate(command: string, ...args: readonly string[]): Promise<Outcome> {
  return run(['rotate', command, '--disconnect-window=0', '--proxies=0', ...args]);
}

async function gateOf(...args: readonly string[]): Promise<RotationDetail['gates'][number]> {
  const { stdout, stderr } = await rotate('status', '-o', 'json', ...args);
  assert.equal(stderr, '');
  const { gates } = JSON.parse(stdout) as RotationDetail;
  return gates.find(({ id }) => id === 'R42') ?? assert.fail();
}

suite('meshtrust rotate, with servers that take access logs', () => {
  test('two replicas, one has seen the old CA: finish is refused, and status and the API say when', async () => {
    await using trust = await makeTempDir();
    const file = trust.join('trust.yaml');
    await writeFile(file, rotatingTrust());
    await using one = await startObserver(trust.path);
    await using two = await startObserver(trust.path, ['--workers=2']);
    const urls = [one.url, two.url];
    assert.match((await gateOf(...urls)).detail, /^unknown for the last 1h: .* has observed for .+ only; /);
    await one.send(fingerprintOf(next), 'f'.repeat(64), '-');
    assert.equal((await gateOf(...urls)).open, true);
    await two.send(fingerprintOf(old));

    assert.equal((await gateOf(...urls)).open, false);
    const { code, stderr } = await rotate('finish', ...urls, file);
    assert.equal(code, 1);
    assert.match(stderr, /^refused: R42 old-issuer-seen: a client with a leaf of the old CA was seen at /);
    // The server that was not asked is the one that knows.
    assert.equal((await rotate('finish', one.url, file)).code, 0);
    const { stdout } = await rotate('status', ...urls);
    assert.match(
      stdout,
      /^seen {6}clients of the old CA last seen .+ ago, of the new CA last seen .+ ago \(not observed all the time\)$/m,
    );

    const list = await one.issuers();
    assert.deepEqual(
      {
        issuers: list.issuers.map(({ fingerprint }) => fingerprint),
        unknown: list.unknown,
        without: list.without,
      },
      { issuers: [fingerprintOf(next)], unknown: 1, without: 1 },
    );
    const { body } = await two.server.admin('/api/v1/meshes/default/rotations');
    const [rotation] = (JSON.parse(body) as RotationList).rotations;
    assert.equal(rotation?.seen?.old, (await two.issuers()).issuers[0]?.lastSeen);
    assert.equal(rotation?.next.allowed, false);
    const entries = await one.server.metric('meshtrust_access_log_entries_total');
    assert.deepEqual([...entries.values()], [1, 1, 1]);
  });

  test('a server that restarts: the past is unknown, and time alone decides', async () => {
    await using trust = await makeTempDir();
    const file = trust.join('trust.yaml');
    await writeFile(file, rotatingTrust());
    {
      await using server = await startObserver(trust.path);
      await server.send(fingerprintOf(old));
      assert.equal((await rotate('finish', server.url, file)).code, 1);
    }
    await using server = await startObserver(trust.path);
    const { open, detail } = await gateOf(server.url);
    assert.ok(open);
    assert.match(
      detail,
      /^unknown for the last 1h: .*; no proxy has sent its access log\. Time alone decides$/,
    );
    assert.equal((await rotate('finish', server.url, file)).code, 0);
  });

  test('wait: goes on while the old CA is seen within the window, and ends after it', async () => {
    await using trust = await makeTempDir();
    await writeFile(trust.join('trust.yaml'), rotatingTrust());
    await using server = await startObserver(trust.path);
    await server.send(fingerprintOf(old));
    const waiting = await rotate('wait', server.url, '--for=removable', '--timeout=0');
    assert.equal(waiting.code, 4, waiting.stderr);
    assert.match(waiting.stderr, /draining: waiting for R42 old-issuer-seen/);
    assert.equal((await rotate('wait', server.url, '--for=removable', '--quiet=10ms')).code, 0);
  });

  test('a server without access logs: R42 is open, and the API has none', async () => {
    await using trust = await makeTempDir();
    await writeFile(trust.join('trust.yaml'), rotatingTrust());
    await using server = await startMeshtrust({ dirs: [trust.path] });
    const gate = await gateOf(`--server=http://127.0.0.1:${server.adminPort}`);
    assert.deepEqual([gate.open, gate.detail], [true, 'not observed: no access log was given']);
    const { status, body } = await server.admin('/api/v1/meshes/default/issuers');
    assert.equal(status, 404);
    assert.match(body, /the server takes no access logs: see --access-log-listen/);
  });
});

import assert from 'node:assert/strict';
import { hash, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { IdentityList } from '../../../src/api/identity-api-types.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { run } from '../../cli/run.ts';
import { makeCa } from '../../kit/certificates.ts';
import { decodeSecret } from '../../kit/decode-secret.ts';
import { bundled, identityText, inline } from '../../kit/mesh-identities.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { createClient } from '../../xds/client.ts';
import { ads } from '../../xds/loopback/serving.ts';
import { foundCodes } from './served.ts';

const names = ['A', 'B', 'Z'] as const;
const cas = {
  A: makeCa({ commonName: 'A' }),
  B: makeCa({ commonName: 'B' }),
  Z: makeCa({ commonName: 'Z' }),
};
const path = 'identity.yaml';
const certificateOf = (pem: string): X509Certificate => new X509Certificate(pem);
const fingerprints = new Map(names.map((name) => [certificateOf(cas[name].certPem).fingerprint256, name]));

function identity(
  name: 'A' | 'B',
  {
    trustDomain = 'a.test',
    expiry = '24h',
    more = {},
  }: { trustDomain?: string; expiry?: string; more?: object } = {},
): string {
  const certificate = inline(cas[name].certPem);
  const parts = { ca: { certificate }, certificateParameters: { expiry }, ...more };
  return identityText({ spec: bundled(certificate, { trustDomain, bundled: parts }) });
}

/** The CAs of each trust domain that has one. */
type Trust = Readonly<Record<string, string>>;

interface Event {
  /** The file after the event; `undefined` if it is deleted. */
  readonly text: string | undefined;
  /** What proxies trust while the leaves of CA A can be valid, and after that. */
  readonly lingering: Trust;
  readonly final: Trust;
}

const listed = { 'z.test': 'Z' };

const events: Readonly<Record<string, Event>> = {
  'its CA is replaced': {
    text: identity('B'),
    lingering: { 'a.test': 'A B', ...listed },
    final: { 'a.test': 'B', ...listed },
  },
  'its trust domain changes': {
    text: identity('A', { trustDomain: 'b.test' }),
    lingering: { 'a.test': 'A', 'b.test': 'A', ...listed },
    final: { 'b.test': 'A', ...listed },
  },
  'it is deleted': { text: undefined, lingering: { 'a.test': 'A', ...listed }, final: listed },
  'it is disabled': {
    text: identity('A', { more: { meshTrustCreation: 'Disabled' } }),
    lingering: { 'a.test': 'A', ...listed },
    final: listed,
  },
};

/** Returns the trust without CA A. */
function withoutA(trust: Trust): Trust {
  const left = Object.entries(trust).map(
    ([trustDomain, all]) => [trustDomain, all.replace(/A ?/, '')] as const,
  );
  return Object.fromEntries(left.filter(([, all]) => all !== ''));
}

/** What an xDS client gets. */
interface Received {
  readonly version: string;
  readonly trust: Trust;
}

/** A program with a MeshIdentity of CA A, a MeshTrust of CA Z, a distrust list, and an xDS client. */
interface Rig extends AsyncDisposable {
  readonly change: (text: string | undefined) => Promise<void>;
  readonly distrust: (...names: readonly 'A'[]) => Promise<void>;
  readonly server: () => Meshtrust;
  readonly stop: () => Promise<void>;
  /** Starts the program, and returns what a new client gets first. */
  readonly start: (args?: readonly string[]) => Promise<Received>;
  /** Waits until the client has exactly that trust. */
  readonly until: (trust: Trust) => Promise<Received>;
  /** Returns the end of each CA that lingers, as `trust domain CA: time`. */
  readonly ends: () => Promise<readonly string[]>;
  /** Waits until CA A has an end, and returns it. */
  readonly untilEnd: () => Promise<readonly string[]>;
}

async function makeRig(text: string): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const rest = stack.use(await makeTempDir());
  const files = watchedDir(dir.path);
  const list = rest.join('distrust.txt');
  const distrust = (...distrusted: readonly 'A'[]): Promise<void> =>
    writeFile(
      list,
      ['# list', ...distrusted.map((name) => hash('sha256', cas[name].der, 'hex')), ''].join('\n'),
    );
  await distrust();
  await files.put('z.yaml', meshTrustYaml({ name: 'z', trustDomain: 'z.test', pems: [cas.Z.certPem] }));
  await files.put(path, text);
  let server: Meshtrust | undefined;
  let newest: Received | undefined;
  let closeClient = (): void => undefined;

  const follow = async (xdsPort: number): Promise<Received> => {
    const client = createClient(`127.0.0.1:${xdsPort}`);
    const stream = client.delta(ads.delta);
    closeClient = () => {
      stream[Symbol.dispose]();
      client[Symbol.dispose]();
    };
    stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node: { id: 'proxy' } });
    const receive = async (): Promise<Received> => {
      const { resources, nonce } = await stream.next();
      stream.send({ type_url: secretTypeUrl, response_nonce: nonce });
      const [one = assert.fail('no secret')] = resources;
      return (newest = { version: one.version, trust: trustOf(one.resource.value) });
    };
    const first = await receive();
    void (async () => {
      for (;;) await receive();
    })().catch(() => undefined);
    return first;
  };
  const stop = async (): Promise<void> => {
    closeClient();
    await server?.stop();
  };
  const start: Rig['start'] = async (args = [`--state-dir=${rest.join('state')}`]) => {
    server = await startMeshtrust({
      dirs: [dir.path],
      args: ['--identities', `--distrust=${list}`, '--guard-hold=1s', ...args],
    });
    return follow(server.xdsPort);
  };
  const running = (): Meshtrust => server ?? assert.fail('it does not run');
  const ends = async (): Promise<readonly string[]> => {
    const { identities } = JSON.parse((await running().admin('/api/v1/identities')).body) as IdentityList;
    return identities
      .flatMap(({ superseded }) => superseded)
      .map(({ trustDomain, subject, until }) => `${trustDomain} ${subject}: ${until ?? 'never'}`);
  };
  const owned = stack.move();
  return {
    change: (next) => (next === undefined ? files.remove(path) : files.put(path, next)),
    distrust,
    server: running,
    stop,
    start,
    until: (trust) =>
      poll(
        JSON.stringify(trust),
        () => Promise.resolve(isDeepStrictEqual(newest?.trust, trust) ? newest : undefined),
        { timeoutMs: 30_000 },
      ).catch((error: unknown) => {
        throw new Error(`the client has ${JSON.stringify(newest)}`, { cause: error });
      }),
    ends,
    untilEnd: () =>
      poll('the end of CA A', async () => {
        const found = await ends();
        return found.length > 0 ? found : undefined;
      }),
    async [Symbol.asyncDispose]() {
      await stop();
      await owned.disposeAsync();
    },
  };
}

function trustOf(secret: Uint8Array): Trust {
  const { trustDomains } = decodeSecret(secret);
  const found = trustDomains.map(({ name, pem }) => {
    const pems = pem.match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g) ?? [];
    const known = pems.flatMap((one) => fingerprints.get(certificateOf(one).fingerprint256) ?? []);
    return [name, known.sort().join(' ')] as const;
  });
  return Object.fromEntries(found.filter(([, known]) => known !== ''));
}

const before = { 'a.test': 'A', ...listed };

suite('CA certificates that a MeshIdentity no longer has, for an xDS client', { concurrency: 2 }, () => {
  for (const [name, { text, lingering, final }] of Object.entries(events)) {
    test(`${name}: the old CA stays over a restart, except while it is distrusted, and goes when it is released`, async () => {
      await using rig = await makeRig(identity('A'));
      assert.deepEqual((await rig.start()).trust, before);
      await rig.change(text);
      const ends = await rig.untilEnd();
      const { version } = await rig.until(lingering);
      assert.equal(ends.length, 1);
      assert.match(ends[0] ?? '', /^a\.test CN=A: \d{4}-/);

      await rig.stop();
      assert.deepEqual(await rig.start(), { version, trust: lingering });
      assert.deepEqual(await rig.ends(), ends);

      await rig.distrust('A');
      await rig.until(withoutA(lingering));
      assert.ok((await foundCodes(rig.server())).includes('MT018'));
      await rig.stop();
      assert.deepEqual((await rig.start()).trust, withoutA(lingering));
      await rig.distrust();
      assert.equal((await rig.until(lingering)).version, version);
      assert.deepEqual(await rig.ends(), ends);

      const server = `--server=http://127.0.0.1:${rig.server().adminPort}`;
      assert.equal((await run(['identities', 'release', 'identity', '--yes', server])).code, 0);
      const released = await rig.until(final);
      await rig
        .server()
        .logged('the audit line', (line) => line['audit'] === true && line['removed'] !== undefined);
      await rig.stop();
      assert.deepEqual(await rig.start(), released);
      assert.deepEqual(await rig.ends(), []);
    });

    test(`${name} while the program does not run: the old CA stays, with an end`, async () => {
      await using rig = await makeRig(identity('A'));
      await rig.start();
      await rig.stop();
      await rig.change(text);
      await rig.start();
      await rig.until(lingering);
      assert.match((await rig.untilEnd())[0] ?? '', /^a\.test CN=A: \d{4}-/);
    });
  }

  const { lingering, final, text } = events['its CA is replaced'] ?? assert.fail();

  test('a restart without the state: only what the MeshIdentity has', async () => {
    await using rig = await makeRig(identity('A'));
    await rig.start([]);
    await rig.change(text);
    await rig.until(lingering);
    await rig.stop();
    assert.deepEqual((await rig.start([])).trust, final);
  });

  test('nothing changes until the end: it comes by itself, also after a restart, and not before its time', async () => {
    // Leaves of one second, and ten seconds for clocks that differ.
    await using rig = await makeRig(identity('A', { expiry: '1s' }));
    await rig.start();
    await rig.change(text);
    const [end = ''] = await rig.untilEnd();
    await rig.stop();
    await rig.start();
    await rig.until(final);
    const at = Date.parse(end.slice(end.indexOf(':') + 2));
    assert.ok(at > 0, end);
    // No line, if the end came while the program did not run.
    for (const { audit, removed, time } of rig.server().logs())
      assert.ok(
        audit !== true || removed === undefined || Date.parse(String(time)) >= at,
        `${end} ${String(time)}`,
      );
    assert.deepEqual(await rig.ends(), []);
  });

  test('--identity-linger 0: the old CA goes in the same step', async () => {
    await using rig = await makeRig(identity('A'));
    await rig.start(['--identity-linger=0']);
    await rig.change(identity('B'));
    assert.deepEqual((await rig.until({ 'a.test': 'B', ...listed })).trust, { 'a.test': 'B', ...listed });
    assert.deepEqual(await rig.ends(), []);
  });
});

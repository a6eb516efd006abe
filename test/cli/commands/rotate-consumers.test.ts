import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import type { RotationDetail } from '../../../src/api/rotation-api-types.ts';
import { fetchBundle } from '../../bundle-endpoint/fetch-bundle.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { poll } from '../../kit/poll.ts';
import { expectCode, makeOldCa, rotateWith, rotationOf } from '../../kit/rotate-commands.ts';
import type { Rotate } from '../../kit/rotate-commands.ts';
import { fingerprintOf } from '../../kit/resources.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { TempDir } from '../../kit/temp-dir.ts';

const web = makeCa({ commonName: 'Web CA' });

/** A replica with a bundle endpoint. */
interface Replica extends AsyncDisposable {
  readonly server: Meshtrust;
  /** Fetches the bundle as a consumer that has the bundle with this entity tag; returns the tag of the response. */
  readonly fetch: (userAgent: string, tag?: string) => Promise<string>;
}

async function startReplica(dir: TempDir, args: readonly string[] = []): Promise<Replica> {
  const address = `127.0.0.1:${await freePort()}`;
  const server = await startMeshtrust({
    dirs: [dir.join('trust')],
    args: [
      `--bundle-listen=${address}`,
      `--bundle-cert=${dir.join('tls.crt')}`,
      `--bundle-key=${dir.join('tls.key')}`,
      '--bundle-serve=default/a.test',
      ...args,
    ],
  });
  return {
    server,
    async fetch(userAgent, tag) {
      const headers = { 'User-Agent': userAgent, ...(tag === undefined ? {} : { 'If-None-Match': tag }) };
      const fetched = await fetchBundle(address, '/a.test', { ca: web.certPem, headers });
      return String(fetched.headers['etag']);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function gateOf(rotate: Rotate): Promise<Pick<RotationDetail['gates'][number], 'open' | 'detail'>> {
  const { gates } = await rotationOf(rotate);
  return gates.find(({ id }) => id === 'R30') ?? assert.fail('no gate R30');
}

suite('meshtrust rotate with two replicas that publish the bundle', () => {
  test('a consumer that goes from one replica to the other: counts by its last fetch, and is not lost', async () => {
    await using dir = await makeTempDir();
    const [old, next] = [makeOldCa(), makeCa({ commonName: 'New' })];
    const { certPem, keyPem } = makeLeaf(web, { dnsNames: ['localhost'] });
    await writeFile(dir.join('tls.crt'), certPem);
    await writeFile(dir.join('tls.key'), keyPem);
    await writeFile(dir.join('old.pem'), old.certPem);
    await writeFile(dir.join('new.pem'), next.certPem);
    await mkdir(dir.join('trust'));
    const file = dir.join('trust', 'trust.yaml');
    await writeFile(file, meshTrustYaml({ name: 'zone', trustDomain: 'a.test', pems: [old.certPem] }));
    await using one = await startReplica(dir);
    await using two = await startReplica(dir);
    const rotate = rotateWith([one.server, two.server], '--proxies=0', '--consumer-window=0');
    const before = await one.fetch('moves/1');
    const pair = [`--old=${dir.join('old.pem')}`, `--new=${dir.join('new.pem')}`];
    await expectCode(0, rotate('start', ...pair, '--leaf-ttl=1h', '--write', file));
    for (const { server } of [one, two]) await rotationOf(rotateWith([server]));
    assert.match((await gateOf(rotate)).detail, /127\.0\.0\.1 \(moves\/1\): behind$/);
    // Only the second replica answers it from now on.
    const after = await two.fetch('moves/1', before);
    assert.notEqual(after, before);
    // The times of two servers cannot be ordered to the second, so the gate opens some fetches later.
    const isOpen = async (): Promise<true | undefined> => {
      await two.fetch('moves/1', after);
      return (await gateOf(rotate)).open ? true : undefined;
    };
    await poll('a fetch that is later beyond doubt', isOpen, { timeoutMs: 30_000, everyMs: 1_000 });

    // A consumer that only one replica knows counts as well.
    await two.fetch('other/1');
    const { open, detail } = await gateOf(rotate);
    assert.deepEqual([open, detail.includes('127.0.0.1 (other/1): sent')], [false, true]);
    assert.equal((await gateOf(rotateWith([one.server], '--consumer-window=0'))).open, false);
    await two.fetch('other/1', after);
    await expectCode(0, rotate('switched', file));
  });
});

suite('meshtrust rotate with a server that does not publish what it serves', () => {
  test('the Global control plane was never read: the switch is refused, since consumers keep what they had', async () => {
    await using dir = await makeTempDir();
    const [old, next] = [makeOldCa(), makeCa({ commonName: 'New' })];
    const { certPem, keyPem } = makeLeaf(web, { dnsNames: ['localhost'] });
    await writeFile(dir.join('tls.crt'), certPem);
    await writeFile(dir.join('tls.key'), keyPem);
    await mkdir(dir.join('trust'));
    const annotations = {
      'meshtrust.io/rotation-old': fingerprintOf(old.certPem),
      'meshtrust.io/rotation-new': fingerprintOf(next.certPem),
    };
    const text = meshTrustYaml({ name: 'zone', trustDomain: 'a.test', pems: [old.certPem, next.certPem] });
    await writeFile(
      dir.join('trust', 'trust.yaml'),
      text.replace('spec:', `annotations: ${JSON.stringify(annotations)}\nspec:`),
    );
    const global = `--import-url=http://127.0.0.1:${await freePort()}`;
    await using replica = await startReplica(dir, ['--zone=zone-1', global]);
    const rotate = rotateWith([replica.server], '--proxies=0', '--consumer-window=0');
    const { open, detail } = await poll('the failure of the first read', async () => {
      const { gates } = await rotationOf(rotate);
      const isRead = gates.some((gate) => gate.id === 'R02' && gate.open);
      return isRead ? gates.find(({ id }) => id === 'R30') : undefined;
    });
    assert.deepEqual(
      [open, detail.replace(/^http:\S+/, 'it')],
      [false, 'it has not published the served CA certificates yet, so no consumer of it has them'],
    );
    await expectCode(4, rotate('wait', '--for=introduced', '--timeout=0'));
  });
});

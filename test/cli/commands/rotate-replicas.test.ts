import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import type { RotationDetail } from '../../../src/api/rotation-api-types.ts';
import { makeCa } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { fingerprintOf } from '../../kit/resources.ts';
import { expectCode, rotateWith } from '../../kit/rotate-commands.ts';
import type { Rotate } from '../../kit/rotate-commands.ts';
import { poll } from '../../kit/poll.ts';
import { start } from '../run.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const day = 86_400_000;
const before = { notBefore: new Date(Date.now() - 3 * day) };
const [a, b] = [makeCa({ commonName: 'A', ...before }), makeCa({ commonName: 'B', ...before })];

/** A MeshTrust with both CA certificates and these annotations. */
function rotating(marks: Readonly<Record<string, string>>): string {
  const annotations = Object.entries(marks).map(([key, value]) => [`meshtrust.io/rotation-${key}`, value]);
  return meshTrustYaml({ name: 'zone', trustDomain: 'a.test', pems: [a.certPem, b.certPem] }).replace(
    'spec:',
    `annotations: ${JSON.stringify(Object.fromEntries(annotations))}\nspec:`,
  );
}
const pair = { old: fingerprintOf(a.certPem), new: fingerprintOf(b.certPem), 'leaf-ttl': '1h' };
const switched = { ...pair, 'switched-at': new Date(Date.now() - 2 * day).toISOString() };

/** Two servers, each with a file of its own, and the commands that ask them in either order. */
async function replicas(files: readonly (readonly Readonly<Record<string, string>>[])[]) {
  await using stack = new AsyncDisposableStack();
  const servers: Meshtrust[] = [];
  for (const texts of files) {
    const dir = stack.use(await makeTempDir());
    for (const [index, marks] of texts.entries()) await writeFile(dir.join(`${index}.yaml`), rotating(marks));
    servers.push(stack.use(await startMeshtrust({ dirs: [dir.path] })));
  }
  const owned = stack.move();
  return {
    servers,
    orders: [servers, servers.toReversed()].map((some) => rotateWith(some, '--proxies=0')),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function statusOf(rotate: Rotate): Promise<RotationDetail> {
  return JSON.parse((await expectCode(0, rotate('status', '-o', 'json'))).stdout) as RotationDetail;
}

suite('meshtrust rotate with two replicas that disagree', () => {
  test('one has not read the time of the switch → it is not switched, whichever is asked first', async () => {
    await using it = await replicas([[switched], [pair]]);
    for (const rotate of it.orders) {
      const { state, switchedAt, gates } = await statusOf(rotate);
      assert.deepEqual([state, switchedAt], ['introducing', undefined]);
      assert.deepEqual(
        gates.filter(({ open }) => !open).map(({ id }) => id),
        ['R03'],
      );
      await expectCode(4, rotate('wait', '--for=removable', '--timeout=100ms'));
    }
    const [first] = it.servers;
    assert.ok(first !== undefined);
    assert.equal((await statusOf(rotateWith([first], '--proxies=0'))).state, 'removable');
  });

  test('one has not read the annotations → R03 is shut', async () => {
    await using it = await replicas([[pair], [{}]]);
    for (const rotate of it.orders) {
      const { gates } = await statusOf(rotate);
      assert.deepEqual(
        gates.filter(({ open }) => !open).map(({ id }) => id),
        ['R03'],
      );
    }
  });

  test('one does not list the old CA → the gates of the start say so, whichever is asked first', async () => {
    await using stack = new AsyncDisposableStack();
    const servers: Meshtrust[] = [];
    for (const { certPem } of [a, b]) {
      const dir = stack.use(await makeTempDir());
      const text = meshTrustYaml({ name: 'zone', trustDomain: 'a.test', pems: [certPem] });
      await writeFile(dir.join('trust.yaml'), text);
      servers.push(stack.use(await startMeshtrust({ dirs: [dir.path] })));
    }
    const dir = stack.use(await makeTempDir());
    await writeFile(dir.join('new.pem'), makeCa({ commonName: 'C' }).certPem);
    const certificates = [`--old=${pair.old}`, `--new=${dir.join('new.pem')}`];
    for (const some of [servers, servers.toReversed()]) {
      const { stdout } = await expectCode(1, rotateWith(some)('plan', ...certificates));
      assert.match(stdout, /^R10 +old-not-listed +shut +http:\S+ does not serve the old CA/m);
    }
  });

  test('they have read different rotations → R03 is shut', async () => {
    await using it = await replicas([[pair], [{ ...pair, old: pair.new, new: pair.old }]]);
    for (const rotate of it.orders) {
      const { gates } = await statusOf(rotate);
      assert.deepEqual(
        gates.filter(({ open }) => !open).map(({ id, detail }) => [id, detail]),
        [['R03', 'the servers have read different versions of default//zone']],
      );
    }
  });
});

/** A server in front of the admin API that breaks connections while it is down. */
async function startFront(port: number) {
  let isDown = false;
  const [firstRound, refused] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  const front = createServer((request, response) => {
    if (isDown) {
      refused.resolve(undefined);
      return void request.socket.destroy();
    }
    const { url = '' } = request;
    // The last request of a round.
    if (url.endsWith('/issuers')) firstRound.resolve(undefined);
    fetch(`http://127.0.0.1:${port}${url}`)
      .then(async (answer) => response.writeHead(answer.status).end(await answer.text()))
      .catch(() => request.socket.destroy());
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  return {
    adminPort: (front.address() as AddressInfo).port,
    firstRound: firstRound.promise,
    refused: refused.promise,
    setDown: (value: boolean): void => void (isDown = value),
    [Symbol.asyncDispose]: async () => {
      front.closeAllConnections();
      await new Promise((resolve) => front.close(resolve));
    },
  };
}

suite('meshtrust rotate wait, for a rotation whose old CA was removed by hand', () => {
  test('no switch is recorded → introduced is refused, since proxies may lack the new CA', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('0.yaml'), rotating({ ...pair, old: 'c'.repeat(64) }));
    await using server = await startMeshtrust({ dirs: [dir.path] });
    const rotate = rotateWith([server], '--proxies=0');
    const { stderr } = await expectCode(1, rotate('wait', '--for=introduced', '--timeout=30s'));
    assert.match(
      stderr,
      /refused: R10 old-not-listed: default\/\/zone does not list the old CA any more, and no switch is recorded/,
    );
    await writeFile(dir.join('0.yaml'), rotating({ ...switched, old: 'c'.repeat(64) }));
    await poll('the time of the switch', async () => (await statusOf(rotate)).switchedAt);
    await expectCode(0, rotate('wait', '--for=introduced', '--timeout=30s'));
  });
});

suite('meshtrust rotate status --watch, while a server restarts', () => {
  test('it does not answer for a while → the error is printed, and the status when it answers again', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('0.yaml'), rotating(pair));
    await using server = await startMeshtrust({ dirs: [dir.path] });
    await using front = await startFront(server.adminPort);
    const stop = new AbortController();
    const url = `--server=http://127.0.0.1:${front.adminPort}`;
    const watching = start(['rotate', 'status', '--watch', '--proxies=0', url], stop.signal);
    await watching.until(/trust domain a\.test: introducing/);
    front.setDown(true);
    await watching.until(/error: .*the server does not answer/, { continuing: true });
    await writeFile(dir.join('0.yaml'), rotating(switched));
    front.setDown(false);
    await watching.until(/trust domain a\.test: draining/, { continuing: true });
    stop.abort();
    const { code, stdout } = await watching.outcome;
    assert.equal(code, 0);
    // No terminal, so no control sequence clears it.
    assert.ok(!stdout.includes('\u001b'));
  });
});

suite('meshtrust rotate wait, while a server restarts', () => {
  test('it does not answer for a while → the command waits for it', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('0.yaml'), rotating(pair));
    await using server = await startMeshtrust({ dirs: [dir.path] });
    await using front = await startFront(server.adminPort);
    const waiting = rotateWith([front], '--proxies=0')('wait', '--for=removable', '--timeout=60s');
    await front.firstRound;
    front.setDown(true);
    await front.refused;
    await writeFile(dir.join('0.yaml'), rotating(switched));
    await expectCode(0, rotateWith([server], '--proxies=0')('wait', '--for=removable', '--timeout=30s'));
    front.setDown(false);
    const { stderr } = await expectCode(0, waiting);
    assert.match(stderr, /^introduced: waiting for .*\n.*127\.0\.0\.1:\d+/);
  });
});

suite('meshtrust rotate wait, without a rotation', () => {
  test('a mesh or trust domain that no server has → is not steady', async () => {
    await using it = await replicas([[{}]]);
    const [rotate] = it.orders;
    assert.ok(rotate !== undefined);
    await expectCode(0, rotate('wait', '--for=steady', '--mesh=default', '--trust-domain=a.test'));
    for (const [args, sentence] of [
      [['--mesh=defautl'], /no server has mesh defautl\n$/],
      [['--trust-domain=b.test'], /no server has trust domain b\.test\n$/],
      [['--mesh=default', '--trust-domain=b.test'], /no server has trust domain b\.test in mesh default\n$/],
    ] as const)
      assert.match((await expectCode(1, rotate('wait', '--for=steady', ...args))).stderr, sentence);
  });

  test('files without a MeshTrust that the options select → is not steady', async () => {
    await using it = await replicas([[{}]]);
    await using dir = await makeTempDir();
    const file = dir.join('trust.yaml');
    await writeFile(file, rotating({}));
    const [rotate] = it.orders;
    assert.ok(rotate !== undefined);
    await expectCode(0, rotate('wait', '--for=steady', '--mesh=default', '--trust-domain=a.test', file));
    await writeFile(dir.join('other.yaml'), 'kind: ConfigMap\n');
    for (const [args, sentence] of [
      [['--mesh=defautl', file], /trust\.yaml: no MeshTrust of mesh defautl\n$/],
      [['--trust-domain=b.test', file], /trust\.yaml: no MeshTrust of trust domain b\.test\n$/],
      [[dir.join('other.yaml')], /other\.yaml: no MeshTrust\n$/],
    ] as const) {
      const waited = await expectCode(1, rotate('wait', '--for=steady', '--timeout=1s', ...args));
      assert.match(waited.stderr, sentence);
      assert.match((await expectCode(1, rotate('status', ...args))).stderr, sentence);
    }
  });

  test('annotations that cannot be read → it is unknown whether a rotation is in progress', async () => {
    await using it = await replicas([[{}], [{ ...pair, old: 'x' }]]);
    await using dir = await makeTempDir();
    const file = dir.join('trust.yaml');
    await writeFile(file, rotating({ ...pair, old: 'x' }));
    const sentence =
      /default\/\/zone: it is unknown whether a rotation is in progress: MT100: the annotation meshtrust\.io\/rotation-old must be a SHA-256/;
    for (const rotate of it.orders)
      for (const where of [[], ['--trust-domain=a.test'], [file]]) {
        const waited = await expectCode(4, rotate('wait', '--for=steady', '--timeout=50ms', ...where));
        assert.match(waited.stderr, sentence);
        assert.match((await expectCode(1, rotate('status', ...where))).stderr, sentence);
      }
    const [rotate] = it.orders;
    assert.ok(rotate !== undefined);
    assert.match((await expectCode(1, rotate('finish', file))).stderr, sentence);
  });

  test('only the record of forced steps cannot be read → is steady, since it outlasts the rotation', async () => {
    await using it = await replicas([[{ forced: 'x' }]]);
    await using dir = await makeTempDir();
    const file = dir.join('trust.yaml');
    await writeFile(file, rotating({ forced: 'x' }));
    for (const where of [[], [file]])
      for (const rotate of it.orders) await expectCode(0, rotate('wait', '--for=steady', ...where));
  });
});

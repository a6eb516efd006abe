import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, chown, lstat, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { PassThrough } from 'node:stream';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import type { MeshDetail } from '../../../src/api/api-types.ts';
import type { DistrustDetail } from '../../../src/api/server-api-types.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { replaceFile, targetOf } from '../../../src/cli/terminal/replace-file.ts';
import {
  addToList,
  describeEffects,
  effectsOf,
  holdersOf,
  linesFor,
  wholeHash,
} from '../../../src/cli/ask/revocation.ts';
import { withLock } from '../../../src/cli/terminal/with-lock.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { makeCa, makeCompressedKey } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { fingerprintOf } from '../../kit/resources.ts';
import { recordSyncs } from '../../kit/directory-syncs.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { TempDir } from '../../kit/temp-dir.ts';
import { createClient } from '../../xds/client.ts';
import { run } from '../run.ts';

const [a, b] = ['A', 'B'].map((commonName) => makeCa({ commonName })) as [
  ReturnType<typeof makeCa>,
  ReturnType<typeof makeCa>,
];
const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const openssl = (hash: string): string =>
  `sha256 Fingerprint=${hash.toUpperCase().replaceAll(/(..)(?!$)/g, '$1:')}`;

const anchor = (
  subject: string,
  digit: string,
  key = digit,
): MeshDetail['trustDomains'][number]['anchors'][number] => ({
  fingerprint: digit.repeat(64),
  keyHash: key.repeat(64),
  subject,
  issuer: subject,
  keyAlgorithm: 'ECDSA P-256',
  notBefore: '2026-01-01T00:00:00Z',
  notAfter: '2036-01-01T00:00:00Z',
  rooting: 'as-listed',
  resources: [],
});
const meshOf = (
  name: string,
  proxies: number,
  domains: Readonly<Record<string, readonly ReturnType<typeof anchor>[]>>,
): MeshDetail => ({
  name,
  version: 'v',
  denyAll: false,
  proxies,
  held: [],
  secrets: [],
  findings: [],
  trustDomains: Object.entries(domains).map(([domain, anchors]) => ({
    name: domain,
    inJointSecret: true,
    anchors,
  })),
});

suite('the effect of a revocation', () => {
  const mesh = meshOf('default', 3, {
    'a.test': [anchor('CN=A', '1'), anchor('CN=B', '2')],
    'b.test': [anchor('CN=A', '1')],
  });

  test('a CA of two trust domains → a line each, with what is left', () => {
    const effects = effectsOf('1'.repeat(16), [[mesh]]);
    assert.deepEqual(describeEffects(effects), [
      'CA CN=A (1111111111111111): distrusted in trust domain a.test of mesh default (3 proxies); 1 other CA remains',
      'CA CN=A (1111111111111111): distrusted in trust domain b.test of mesh default (3 proxies); no CA remains, so proxies will refuse every client of b.test',
    ]);
    assert.equal(wholeHash('1'.repeat(16), effects), '1'.repeat(64));
  });

  test('the only CA of a mesh → a WARNING', () => {
    const only = meshOf('edge', 0, { 'a.test': [anchor('CN=A', '1')] });
    const [effect] = effectsOf('1'.repeat(64), [[only]]);
    assert.equal(effect?.leavesNothing, true);
    assert.match(describeEffects([effect]).at(-1) ?? '', /^WARNING: mesh edge has no CA left/);
  });

  test('replicas → their proxies are added up, and the mesh is there once', () => {
    const effects = effectsOf('2'.repeat(16), [[mesh], [{ ...mesh, proxies: 4 }]]);
    assert.deepEqual(
      effects.map(({ mesh: name, proxies, cas }) => [name, proxies, cas.length]),
      [['default', 7, 1]],
    );
  });

  test('a key in both encodings → its compressed hash stands for both', () => {
    const mixed = meshOf('default', 1, {
      'a.test': [
        { ...anchor('CN=A', '1', '9'), compressedKeyHash: '8'.repeat(64) },
        anchor('CN=B', '2', '9'),
      ],
    });
    const hash = wholeHash('8'.repeat(16), effectsOf('8'.repeat(16), [[mixed]]));
    assert.equal(hash, '9'.repeat(64));
    assert.equal(effectsOf(hash, [[mixed]])[0]?.leavesNothing, true);
  });

  test('one replica has applied it already → the effect on the other is reported', () => {
    const done = meshOf('default', 1, { 'a.test': [anchor('CN=B', '2')] });
    assert.equal(effectsOf('1'.repeat(16), [[done], [mesh]])[0]?.cas.length, 2);
  });

  test('the hash of a key → the key is written, which stands for every certificate of it', () => {
    const renewed = meshOf('default', 1, { 'a.test': [anchor('CN=A', '1', '9'), anchor('CN=A', '3', '9')] });
    const effects = effectsOf('9'.repeat(16), [[renewed]]);
    assert.equal(effects[0]?.cas.length, 2);
    assert.equal(wholeHash('9'.repeat(16), effects), '9'.repeat(64));
  });

  test('a short hash of several certificates → written as it is', () => {
    const twins = meshOf('default', 1, {
      'a.test': [
        { ...anchor('CN=A', '1'), fingerprint: `${'1'.repeat(16)}${'2'.repeat(48)}` },
        anchor('CN=A', '1'),
      ],
    });
    assert.equal(wholeHash('1'.repeat(16), effectsOf('1'.repeat(16), [[twins]])), '1'.repeat(16));
  });

  test('nothing that is served → no effect', () => assert.deepEqual(effectsOf('f'.repeat(64), [[mesh]]), []));
});

suite('meshes to wait for', () => {
  const [x, y] = ['x', 'y'].map((name) => ({ name })) as [{ name: string }, { name: string }];
  const served = [
    ['one', [x]],
    ['two', [x, y]],
  ] as const;
  test('a mesh that changes → every server that has it', () => {
    assert.deepEqual([...holdersOf(served, [{ mesh: 'y' }])], [['y', ['two']]]);
    assert.deepEqual([...holdersOf(served, [{ mesh: 'x' }])], [['x', ['one', 'two']]]);
  });
  test('nothing that changes now → every mesh', () => {
    assert.deepEqual(
      [...holdersOf(served, [])],
      [
        ['x', ['one', 'two']],
        ['y', ['two']],
      ],
    );
  });
});

suite('distrust list', () => {
  const lines = linesFor('1'.repeat(64), [], '2026-01-01');
  const table: Readonly<Record<string, readonly [before: string, after: string | undefined]>> = {
    'is empty': ['', lines],
    'ends with a line feed': ['# why\nabc\n', `# why\nabc\n${lines}`],
    'ends without one': ['# why', `# why\n${lines}`],
  };
  for (const [what, [before, after]] of Object.entries(table))
    test(`${what} → the lines are added at its end`, () =>
      assert.equal(addToList(before, '1'.repeat(64), [], lines), after));
  test('contains the hash, or a prefix of it → unchanged', () => {
    for (const known of ['1'.repeat(64), '1'.repeat(16)])
      assert.equal(addToList('x\n', '1'.repeat(64), [known], lines), undefined);
    assert.notEqual(addToList('x\n', '1'.repeat(16), ['1'.repeat(64)], lines), undefined);
  });
  test('a subject with line feeds → one line', () => {
    const odd = meshOf('default', 0, { 'a.test': [anchor('CN=x\nffff', '1')] });
    assert.equal(linesFor('1'.repeat(64), effectsOf('1'.repeat(64), [[odd]]), 'd').split('\n').length, 3);
  });
  test('replaced by rename: keeps its mode, and leaves no other file', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('list');
    await replaceFile(path, 'one\n');
    assert.equal((await stat(path)).mode & 0o777, 0o644);
    await chmod(path, 0o640);
    const { ino } = await stat(path);
    using syncs = await recordSyncs(dir.path);
    await replaceFile(path, 'two\n');
    assert.deepEqual(syncs.states, [new Map([['list', 'two\n']])]);
    assert.equal((await stat(path)).mode & 0o777, 0o640);
    assert.notEqual((await stat(path)).ino, ino);
    assert.equal(await readFile(path, 'utf8'), 'two\n');
    assert.deepEqual(await readdir(dir.path), ['list']);
    await assert.rejects(replaceFile(dir.join('no/such'), ''), /ENOENT/);
  });

  // Only root can make a file of another user, and become one.
  const isRoot = process.getuid?.() === 0;
  test('replaced by a member of its group: keeps the group', { skip: !isRoot && 'needs root' }, async () => {
    await using dir = await makeTempDir();
    const path = dir.join('list');
    await writeFile(path, 'one\n');
    await chown(path, 0, 23_456);
    await chmod(path, 0o640);
    await chmod(dir.path, 0o777);
    const module = new URL('../../../src/cli/terminal/replace-file.ts', import.meta.url).href;
    const script = `const { replaceFile } = await import(${JSON.stringify(module)});
process.setgroups([23456]);
process.setgid(1000);
process.setuid(1000);
await replaceFile(${JSON.stringify(path)}, 'two\\n');`;
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    const { uid, gid, mode } = await stat(path);
    assert.deepEqual([uid, gid, mode & 0o777], [1000, 23_456, 0o640]);
  });
});

suite('target of a path', () => {
  test('no file, even if it is created meanwhile → the path itself', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('list');
    for (let round = 0; round < 300; round += 1) {
      const [target] = await Promise.all([targetOf(path), writeFile(path, '')]);
      assert.equal(target, path);
      await rm(path);
    }
  });
});

suite('lock file', () => {
  test('held: excludes others; function fails: is removed', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('list');
    await withLock(path, 0, () =>
      assert.rejects(
        withLock(path, 0, () => assert.fail('it ran')),
        new RegExp(
          `list\\.lock exists: process ${process.pid} on ${hostname()} is changing \\S+list, or ended`,
        ),
      ),
    );
    await assert.rejects(
      withLock(path, 0, () => Promise.reject(new Error('no'))),
      /^Error: no$/,
    );
    assert.deepEqual(await readdir(dir.path), []);
  });
});

suite('lock file that another process left', () => {
  const pipe = (path: string): unknown => execFileSync('mkfifo', [path]);
  const left: Readonly<Record<string, readonly [put: (path: string) => unknown, holder: RegExp]>> = {
    'with its name': [(path) => writeFile(path, '4321 host-a\n'), /process 4321 on host-a is/],
    'that is empty': [(path) => writeFile(path, ''), /another process is/],
    'with other text': [(path) => writeFile(path, 'token s3cret\n'), /another process is/],
    'as a named pipe': [pipe, /another process is/],
  };
  for (const [what, [put, holder]] of Object.entries(left))
    test(`${what} → stays, and the error names it`, async () => {
      await using dir = await makeTempDir();
      await put(dir.join('list.lock'));
      await assert.rejects(
        withLock(dir.join('list'), 0, () => assert.fail('it ran')),
        (error: Error) => holder.test(error.message) && !error.message.includes('s3cret'),
      );
      assert.deepEqual(await readdir(dir.path), ['list.lock']);
    });
});

/** Starts a server that serves one CA and has no distrust list. */
async function trustedServer(trust: TempDir) {
  await writeFile(
    trust.join('t.yaml'),
    meshTrustYaml({ name: 'b', trustDomain: 'b.test', pems: [b.certPem] }),
  );
  return startMeshtrust({ dirs: [trust.path] });
}

/**
 * Starts two servers with the same distrust list: one with mesh `default`, one also with mesh `edge`. A proxy of `edge`
 * has acknowledged the first version; it acknowledges later ones only when the test makes it.
 */
async function twoServers() {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const [one, two] = [stack.use(await makeTempDir()), stack.use(await makeTempDir())];
  const list = dir.join('list');
  await writeFile(list, '');
  const trustOf = (mesh: string, pems: readonly string[]): string =>
    meshTrustYaml({ name: mesh, mesh, trustDomain: `${mesh}.test`, pems });
  for (const trust of [one, two])
    await writeFile(trust.join('default.yaml'), trustOf('default', [b.certPem]));
  await writeFile(two.join('edge.yaml'), trustOf('edge', [a.certPem, b.certPem]));
  const servers = [
    stack.use(await startMeshtrust({ dirs: [one.path], args: ['--distrust', list] })),
    stack.use(await startMeshtrust({ dirs: [two.path], args: ['--distrust', list] })),
  ] as const;
  const client = stack.use(createClient(`127.0.0.1:${servers[1].xdsPort}`));
  const stream = stack.use(client.delta(ads));
  const acknowledge = async (): Promise<void> => {
    const { nonce } = await stream.next();
    stream.send({ type_url: secretTypeUrl, response_nonce: nonce });
  };
  const node = { id: 'slow', metadata: { fields: { mesh: { stringValue: 'edge' } } } };
  stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node });
  await acknowledge();
  const owned = stack.move();
  return {
    list,
    args: servers.map(({ adminPort }) => `--server=http://127.0.0.1:${adminPort}`),
    proxy: { acknowledge },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

suite('meshtrust revoke', () => {
  test('wrong usage → exit 2 and a sentence', async () => {
    for (const [args, sentence] of [
      [['a'.repeat(64)], /the distrust list is missing/],
      [['abc', '--distrust', '/x'], /the fingerprint has 3 digits/],
      [['a'.repeat(40), '--distrust', '/x'], /40 digits, as a SHA-1/],
    ] as const) {
      const { code, stderr } = await run(['revoke', ...args]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, sentence);
    }
  });

  test('a CA of a running server → asks, writes the list, and the server stops serving it', async () => {
    await using dir = await makeTempDir();
    await using trust = await makeTempDir();
    await writeFile(
      trust.join('t.yaml'),
      meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: [a.certPem, b.certPem] }),
    );
    const list = dir.join('list');
    await writeFile(list, '# kept\n');
    await using server = await startMeshtrust({ dirs: [trust.path], args: ['--distrust', list] });
    const url = ['--server', `http://127.0.0.1:${server.adminPort}`];
    const [hashA, hashB] = [fingerprintOf(a.certPem), fingerprintOf(b.certPem)];

    const dry = await run(['revoke', hashA, '--distrust', list, '--dry-run', ...url]);
    assert.equal(dry.code, 0, dry.stderr);
    assert.match(
      dry.stderr,
      /CA CN=A .*: distrusted in trust domain a\.test of mesh default \(0 proxies\); 1 other CA remains/,
    );
    assert.equal(await readFile(list, 'utf8'), '# kept\n');

    const done = await run(['revoke', openssl(hashA), '--distrust', list, ...url]);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stderr, /revoked: no proxy is connected\n$/);
    assert.match(await readFile(list, 'utf8'), new RegExp(`^# kept\\n# \\S+ revoked: CN=A\\n${hashA}\\n$`));

    const again = await run(['revoke', hashA.slice(0, 16), '--distrust', list, ...url]);
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stderr, /no served CA certificate matches [0-9a-f]{16,64}$/m);

    const last = await run(['revoke', hashB, '--distrust', list, ...url]);
    assert.equal(last.code, 1);
    assert.match(
      last.stderr,
      /WARNING: mesh default has no CA left.*\n.*would have no CA left.*; give --yes/,
    );

    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    stdin.end('n\n');
    const declined = await run(['revoke', hashB, '--distrust', list, ...url], {}, undefined, (io) =>
      runProgram({ ...io, stdin }),
    );
    assert.equal(declined.code, 1);
    assert.match(declined.stderr, /Leave mesh default without any CA\? \[y\/N\].*the list was not changed/s);
    assert.ok(!(await readFile(list, 'utf8')).includes(hashB));

    const forced = await run(['revoke', hashB, '--distrust', list, '--yes', ...url]);
    assert.equal(forced.code, 0, forced.stderr);
  });

  test('proxies that have not acknowledged → exit 4, also when it is asked again; then 0', async () => {
    await using scene = await twoServers();
    const { list, args, proxy } = scene;
    const revoke = () =>
      run(['revoke', fingerprintOf(a.certPem), '--distrust', list, '--timeout=1s', ...args]);
    for (const round of ['first', 'again']) {
      const { code, stderr } = await revoke();
      assert.equal(code, 4, `${round}: ${stderr}`);
      // Only the second server has the mesh.
      assert.match(stderr, /mesh edge: 0 of 1 connected proxies have .*; waiting for slow \(pending\)/);
    }
    await proxy.acknowledge();
    const { code, stderr } = await revoke();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /revoked: every connected proxy has the change\n$/);
  });

  test('the hash of a key with a compressed point → prints the effect, and asks before a mesh loses its last CA', async () => {
    await using dir = await makeTempDir();
    await using trust = await makeTempDir();
    const key = makeCompressedKey();
    const pems = [makeCa({ key, commonName: 'C' }).certPem];
    await writeFile(trust.join('t.yaml'), meshTrustYaml({ name: 'c', trustDomain: 'c.test', pems }));
    await writeFile(dir.join('list'), '');
    await using server = await startMeshtrust({
      dirs: [trust.path],
      args: ['--distrust', dir.join('list')],
    });
    const hash = createHash('sha256')
      .update(key.publicKey.export({ format: 'der', type: 'spki' }))
      .digest('hex');
    const args = [
      'revoke',
      hash,
      '--distrust',
      dir.join('list'),
      `--server=http://127.0.0.1:${server.adminPort}`,
    ];
    const { code, stderr } = await run(args);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^CA CN=C .* no CA remains.*\nWARNING: mesh default has no CA left/);
    assert.equal(await readFile(dir.join('list'), 'utf8'), '');
    const forced = await run([...args, '--yes']);
    assert.equal(forced.code, 0, forced.stderr);
    const { body } = await server.admin('/api/v1/meshes/default');
    assert.deepEqual(
      (JSON.parse(body) as MeshDetail).trustDomains.map(({ anchors }) => anchors),
      [[]],
    );
  });

  test('a hash of no listed CA → waits until the servers have read the list', async () => {
    await using dir = await makeTempDir();
    await using trust = await makeTempDir();
    await writeFile(
      trust.join('t.yaml'),
      meshTrustYaml({ name: 'b', trustDomain: 'b.test', pems: [b.certPem] }),
    );
    await writeFile(dir.join('list'), '');
    await using server = await startMeshtrust({ dirs: [trust.path], args: ['--distrust', dir.join('list')] });
    const revoke = (list: string, ...more: readonly string[]): ReturnType<typeof run> => {
      const url = `--server=http://127.0.0.1:${server.adminPort}`;
      return run(['revoke', 'f'.repeat(64), '--distrust', dir.join(list), url, ...more]);
    };
    const other = await revoke('other', '--timeout=300ms');
    assert.equal(other.code, 4, other.stderr);
    assert.match(
      other.stderr,
      /^no served CA certificate matches [0-9a-f]+\n.*1 server has not read the list: .*; check that their --distrust/s,
    );
    const { code, stderr } = await revoke('list');
    assert.equal(code, 0, stderr);
    const { body } = await server.admin(`/api/v1/distrust/${'f'.repeat(64)}`);
    assert.equal((JSON.parse(body) as DistrustDetail).listed, true);
  });

  test('several commands at once on one list → all hashes are added', async () => {
    await using dir = await makeTempDir();
    await using trust = await makeTempDir();
    await using server = await trustedServer(trust);
    const list = dir.join('list');
    const url = `--server=http://127.0.0.1:${server.adminPort}`;
    const hashes = Array.from({ length: 8 }, (_, index) => `${index}`.repeat(64));
    const outcomes = await Promise.all(
      hashes.map((hash) => run(['revoke', hash, '--distrust', list, '--no-wait', url])),
    );
    assert.deepEqual(new Set(outcomes.map(({ code }) => code)), new Set([0]));
    const written = (await readFile(list, 'utf8')).split('\n').filter((line) => /^\d+$/.test(line));
    assert.deepEqual(written.sort(), hashes);
    assert.deepEqual(await readdir(dir.path), ['list']);
  });

  test('a list that is a symbolic link → its target is changed', async () => {
    await using dir = await makeTempDir();
    await using trust = await makeTempDir();
    await using server = await trustedServer(trust);
    await writeFile(dir.join('target'), '# kept\n');
    await symlink('target', dir.join('list'));
    const url = `--server=http://127.0.0.1:${server.adminPort}`;
    const { code, stderr } = await run([
      'revoke',
      'f'.repeat(64),
      '--distrust',
      dir.join('list'),
      '--no-wait',
      url,
    ]);
    assert.equal(code, 0, stderr);
    assert.ok((await lstat(dir.join('list'))).isSymbolicLink());
    assert.match(await readFile(dir.join('target'), 'utf8'), /^# kept\n.*\nf{64}\n$/);

    await rm(dir.join('target'));
    const dangling = await run(['revoke', 'f'.repeat(64), '--distrust', dir.join('list'), '--no-wait', url]);
    assert.equal(dangling.code, 2);
    assert.match(dangling.stderr, /list: cannot be changed: it is a dangling symbolic link/);
  });

  test('a list that the server does not follow → exit 4, and it says so', async () => {
    await using dir = await makeTempDir();
    await writeFile(
      dir.join('t.yaml'),
      meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: [a.certPem, b.certPem] }),
    );
    await using server = await startMeshtrust({ dirs: [dir.path] });
    const args = ['--server', `http://127.0.0.1:${server.adminPort}`, '--timeout', '500ms'];
    const { code, stderr } = await run([
      'revoke',
      fingerprintOf(a.certPem),
      '--distrust',
      dir.join('list'),
      ...args,
    ]);
    assert.equal(code, 4, stderr);
    assert.match(stderr, /1 server still trusts the CA: .*; check that their --distrust names this file/);
  });
});

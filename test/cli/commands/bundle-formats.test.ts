import assert from 'node:assert/strict';
import { X509Certificate, createPublicKey } from 'node:crypto';
import type { JsonWebKeyInput } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import type { MeshDetail } from '../../../src/api/api-types.ts';
import type { MeshCertificates } from '../../../src/api/certificate-api-types.ts';
import { makeCa, makeIntermediate } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { bundled, identityText } from '../../kit/mesh-identities.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../run.ts';
import { wholeServer } from '../whole-server.ts';

const [ec, rsa, other] = [
  makeCa({ commonName: 'EC' }),
  makeCa({ commonName: 'RSA', keyType: 'rsa-2048' }),
  makeCa({ commonName: 'Other' }),
];
const resources = [
  { name: 'a', trustDomain: 'a.test', pems: [ec.certPem, rsa.certPem] },
  { name: 'b', trustDomain: 'b.test', pems: [other.certPem] },
];

interface Bundle {
  readonly keys: readonly (JsonWebKeyInput['key'] & { readonly x5c: readonly string[] })[];
  readonly spiffe_sequence?: number;
  readonly spiffe_refresh_hint: number;
}

async function files() {
  const dir = await makeTempDir();
  for (const resource of resources)
    await writeFile(dir.join(`${resource.name}.yaml`), meshTrustYaml(resource));
  return dir;
}

/** Returns sets, because the order depends on hashes. */
function pemsOf(text: string): readonly string[] {
  return (text.match(/-----BEGIN [^]*?-----END CERTIFICATE-----\n/g) ?? []).toSorted();
}

suite('bundle --format pem', () => {
  test('one or all trust domains: prints their certificates only', async () => {
    await using dir = await files();
    const one = await run(['bundle', dir.path, '--format', 'pem', '--trust-domain', 'a.test']);
    assert.equal(one.code, 0);
    assert.deepEqual(pemsOf(one.stdout), [ec.certPem, rsa.certPem].toSorted());
    assert.equal(pemsOf(one.stdout).join('').length, one.stdout.length, 'nothing else');
    assert.match(one.stderr, /^mesh default, version [0-9a-f]{32}: a\.test\n$/);
    const all = await run(['bundle', dir.path, '--format', 'pem']);
    assert.equal(pemsOf(all.stdout).length, 3);
  });

  test('certificate of two trust domains: printed once', async () => {
    await using dir = await files();
    await writeFile(
      dir.join('c.yaml'),
      meshTrustYaml({ name: 'c', trustDomain: 'c.test', pems: [other.certPem] }),
    );
    assert.equal(pemsOf((await run(['bundle', dir.path, '--format', 'pem'])).stdout).length, 3);
  });

  test('no CA in force: exit 1, and no empty file', async () => {
    await using dir = await files();
    await writeFile(dir.join('distrusted.txt'), `${new X509Certificate(other.certPem).fingerprint256}\n`);
    const args = ['bundle', dir.path, '--distrust', dir.join('distrusted.txt'), '--format', 'pem'];
    const one = await run([...args, '--trust-domain', 'b.test']);
    assert.deepEqual([one.code, one.stdout], [1, '']);
    assert.match(
      one.stderr,
      /mesh default has no CA in force of trust domain b\.test: remove its earlier PEM file, which is out of date/,
    );
    assert.equal((await run(args)).code, 0);
  });

  test('re-rooted intermediate: printed in self-issued form, with a note', async () => {
    await using dir = await makeTempDir();
    const pems = [makeIntermediate(ec, { commonName: 'Intermediate' }).certPem];
    await writeFile(dir.join('a.yaml'), meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems }));
    const { stdout, stderr } = await run(['bundle', dir.path, '--format', 'pem']);
    const { subject, issuer } = new X509Certificate(stdout);
    assert.deepEqual([subject, issuer], ['CN=Intermediate', 'CN=Intermediate']);
    assert.match(stderr, /; 1 in self-issued form, as proxies receive them\n$/);
  });
});

suite('bundle --format spiffe', () => {
  test('one trust domain: a SPIFFE bundle whose keys match the certificates', async () => {
    await using dir = await files();
    const args = ['bundle', dir.path, '--format', 'spiffe', '--trust-domain', 'a.test'];
    const bundle = JSON.parse((await run(args)).stdout) as Bundle;
    assert.deepEqual(Object.keys(bundle), ['keys', 'spiffe_refresh_hint'], 'files have no past');
    assert.equal(bundle.spiffe_refresh_hint, 300);
    const fields = bundle.keys.map((key) => Object.keys(key).toSorted().join(' ')).toSorted();
    assert.deepEqual(fields, ['crv kty use x x5c y', 'e kty n use x5c']);
    for (const key of bundle.keys) {
      assert.equal(key['use'], 'x509-svid');
      assert.equal(key.x5c.length, 1);
      const certificate = new X509Certificate(Buffer.from(key.x5c[0] ?? '', 'base64'));
      assert.ok(createPublicKey({ key, format: 'jwk' }).equals(certificate.publicKey));
    }
    const { stdout } = await run([...args, '--sequence', '7', '--refresh-hint', '90s']);
    const given = JSON.parse(stdout) as Bundle;
    assert.deepEqual([given.spiffe_sequence, given.spiffe_refresh_hint], [7, 90]);
  });

  test('whole mesh: a map of SPIFFE bundles', async () => {
    await using dir = await files();
    const { stdout } = await run(['bundle', dir.path, '--format', 'spiffe']);
    const { trust_domains: domains } = JSON.parse(stdout) as { trust_domains: Record<string, Bundle> };
    assert.deepEqual(
      Object.entries(domains).map(([name, { keys }]) => [name, keys.length]),
      [
        ['a.test', 2],
        ['b.test', 1],
      ],
    );
  });

  test('server: spiffe_sequence increases with each change', async () => {
    await using server = await wholeServer(resources);
    const args = ['bundle', '--format', 'spiffe', '--trust-domain', 'b.test', `--server=${server.url}`];
    const before = JSON.parse((await run(args)).stdout) as Bundle;
    server.proxies.pass(5);
    server.deliver({
      kind: 'content',
      path: 'b-test.yaml',
      text: meshTrustYaml({ name: 'b', trustDomain: 'b.test', pems: [other.certPem, ec.certPem] }),
      settled: true,
    });
    const after = JSON.parse((await run(args)).stdout) as Bundle;
    assert.deepEqual([before.keys.length, after.keys.length], [1, 2]);
    assert.equal(after.spiffe_sequence, (before.spiffe_sequence ?? 0) + 5);
    assert.ok((before.spiffe_sequence ?? 0) > 0);
  });
});

suite('bundle --format spiffe of replicas', () => {
  test('one served the bundle later: spiffe_sequence is the same, whichever is asked first', async () => {
    await using one = await wholeServer(resources);
    await using two = await wholeServer(resources);
    two.proxies.pass(5);
    for (const pem of [ec, other])
      two.deliver({
        kind: 'content',
        path: 'b-test.yaml',
        text: meshTrustYaml({ name: 'b', trustDomain: 'b.test', pems: [pem.certPem] }),
        settled: true,
      });
    const sequences = await Promise.all(
      [
        [one, two],
        [two, one],
      ].map(async (servers) => {
        const urls = servers.map(({ url }) => `--server=${url}`);
        const { stdout } = await run(['bundle', '--format=spiffe', '--trust-domain=b.test', ...urls]);
        return (JSON.parse(stdout) as Bundle).spiffe_sequence;
      }),
    );
    assert.ok(sequences[0] !== undefined);
    assert.equal(sequences[0], sequences[1]);
  });
});

suite('bundle of a server', () => {
  test('every format: same output as from the served files', async () => {
    await using dir = await files();
    await using server = await wholeServer(resources);
    for (const form of [['--format=pem'], ['--format=json'], ['--format=spiffe', '--sequence=1'], []]) {
      const [local, remote] = [
        await run(['bundle', dir.path, ...form]),
        await run(['bundle', `--server=${server.url}`, ...form]),
      ];
      assert.deepEqual([remote.code, remote.stdout], [0, local.stdout], form.join(' '));
    }
    const { stdout } = await run(['bundle', '--format=json', `--server=${server.url}`]);
    const certificates = JSON.parse(stdout) as MeshCertificates;
    const detail = JSON.parse(
      (await run(['bundle', '-o', 'json', `--server=${server.url}`])).stdout,
    ) as MeshDetail;
    assert.equal(certificates.version, detail.version);
  });

  test('replicas differ or list nothing: exit 1; one does not answer: exit 3', async () => {
    await using one = await wholeServer(resources);
    await using two = await wholeServer(resources.slice(1));
    const servers = ['--server', one.url, '--server', two.url];
    const differ = await run(['bundle', '--format=pem', ...servers]);
    assert.deepEqual([differ.code, differ.stdout], [1, '']);
    assert.match(differ.stderr, /mesh default: .* serve different versions/);
    const unlisted = await run(['bundle', '--mesh=blue', '--server', one.url]);
    assert.equal(unlisted.code, 1);
    assert.match(
      unlisted.stderr,
      /mesh blue: no MeshTrust lists it \(meshes: default\); its proxies would refuse every client/,
    );
    await using three = await wholeServer([
      { name: 'c', mesh: 'blue', trustDomain: 'c.test', pems: [ec.certPem] },
    ]);
    const partly = await run(['bundle', '--mesh=blue', '--server', one.url, '--server', three.url]);
    assert.equal(partly.code, 1);
    assert.match(partly.stderr, /mesh blue: .* serve different versions/);
    const nobody = await run(['bundle', `--server=http://127.0.0.1:${await freePort()}`]);
    assert.equal(nobody.code, 3);
  });

  test('unknown trust domain: exit 1, with the known trust domains', async () => {
    await using server = await wholeServer(resources);
    const args = ['bundle', '--trust-domain=c.test', `--server=${server.url}`];
    for (const form of [[], ['--format=pem']]) {
      const { code, stderr } = await run([...args, ...form]);
      assert.equal(code, 1);
      assert.match(stderr, /does not list trust domain c\.test \(trust domains: a\.test, b\.test\)/);
    }
  });
});

suite('trust domain without a CA in force', () => {
  const listing = { name: 'c', trustDomain: 'c.test' };
  const intermediate = makeIntermediate(ec, { commonName: 'Intermediate' }).certPem;
  const formats = ['--format=pem', '--format=spiffe', '--format=json'] as const;
  const remove = /: remove its earlier PEM file, which is out of date$/m;
  const unread = { kind: 'unreadable', path: 'd.yaml', reason: 'no permission' } as const;
  const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

  for (const select of [['--trust-domain=c.test'], []])
    test(`server that has not read a file${select.length === 0 ? ', whole mesh' : ''}: no format prints that nothing is trusted, until all was read`, async () => {
      await using server = await wholeServer([...resources, { ...listing, pems: [intermediate] }]);
      server.pipeline.setPolicy({ distrusted: new Set(), refuseIntermediates: true });
      server.deliver(unread);
      const args = [...select, `--server=${server.url}`];
      for (const format of formats) {
        const { code, stdout, stderr } = await run(['bundle', format, ...args]);
        assert.deepEqual([code, stdout], [1, ''], format);
        assert.doesNotMatch(stderr, remove);
        assert.match(stderr, /of trust domain c\.test, and may list one: .* has not read all of its sources/);
      }
      server.deliver({ kind: 'gone', path: unread.path, evidence: 'deletion' });
      for (const format of formats) {
        const { code, stderr } = await run(['bundle', format, ...args]);
        const isEmptyFile = format === '--format=pem' && select.length > 0;
        assert.deepEqual([code, remove.test(stderr)], [isEmptyFile ? 1 : 0, isEmptyFile], format);
      }
    });

  test('server that has not read a file: it is unknown whether an unlisted trust domain is listed', async () => {
    await using server = await wholeServer(resources);
    server.deliver(unread);
    const args = ['bundle', '--trust-domain=c.test', `--server=${server.url}`];
    for (const format of formats) {
      const { code, stdout, stderr } = await run([...args, format]);
      assert.deepEqual([code, stdout], [1, ''], format);
      assert.match(stderr, /of trust domain c\.test, and may list one: .* has not read all of its sources/);
    }
    server.deliver({ kind: 'gone', path: unread.path, evidence: 'deletion' });
    for (const format of formats)
      assert.match((await run([...args, format])).stderr, /does not list trust domain c\.test/);
  });

  test('one of two servers has not read a file: its answer counts', async () => {
    await using one = await wholeServer([{ ...listing, pems: [intermediate] }]);
    await using two = await wholeServer([{ ...listing, pems: [intermediate] }]);
    for (const { pipeline, clock } of [one, two]) {
      pipeline.setPolicy({ distrusted: new Set(), refuseIntermediates: true });
      clock.advance(100);
    }
    const args = ['bundle', '--format=pem', '--trust-domain=c.test'];
    const servers = [`--server=${one.url}`, `--server=${two.url}`];
    two.deliver(unread);
    const unknown = await run([...args, ...servers]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, new RegExp(`may list one: ${two.url} answered: `));
    two.deliver({ kind: 'gone', path: unread.path, evidence: 'deletion' });
    assert.match((await run([...args, ...servers])).stderr, remove);
  });

  test('distrusted CA, and a file that a server has not read: it must leave the PEM file', async () => {
    await using server = await wholeServer([{ ...listing, pems: [other.certPem] }]);
    const fingerprint = new X509Certificate(other.certPem).fingerprint256.replaceAll(':', '').toLowerCase();
    server.pipeline.setPolicy({ distrusted: new Set([fingerprint]), refuseIntermediates: false });
    server.deliver(unread);
    const args = ['bundle', '--format=pem', `--server=${server.url}`];
    assert.match((await run([...args, '--trust-domain=c.test'])).stderr, remove);
    const mesh = await run(args);
    assert.equal(mesh.code, 1);
    assert.match(mesh.stderr, /^error: mesh default has no CA in force; give --trust-domain /m);
  });

  test('files with a damaged block of the trust domain: it may be a CA, and a distrusted CA must leave the file', async () => {
    await using dir = await files();
    await using lists = await makeTempDir();
    const write = (...pems: readonly string[]) =>
      writeFile(dir.join('c.yaml'), meshTrustYaml({ ...listing, pems }));
    const args = ['bundle', dir.path, '--refuse-intermediates', '--trust-domain=c.test'];
    await write(intermediate, damaged);
    for (const format of formats) {
      const { code, stdout, stderr } = await run([...args, format]);
      assert.deepEqual([code, stdout], [1, ''], format);
      assert.doesNotMatch(stderr, remove);
      assert.match(stderr, /of trust domain c\.test, and may list one: \S+c\.yaml:\d+ .*MT014 /);
    }
    await write(intermediate);
    assert.match((await run([...args, '--format=pem'])).stderr, remove);
    await write(other.certPem, damaged);
    const list = lists.join('distrusted');
    await writeFile(list, `${new X509Certificate(other.certPem).fingerprint256}\n`);
    assert.match((await run([...args, '--format=pem', '--distrust', list])).stderr, remove);
  });
});

suite('files of which one is refused', () => {
  const broken = 'type: MeshTrust\nname: c\nmesh: default\nspec: { trustDomain: a.test, caBundles: 3 }\n';
  for (const args of [
    ['bundle', '--format=pem'],
    ['bundle', '--format=spiffe', '--trust-domain=a.test'],
    ['export', '--trust-domain=a.test'],
  ])
    test(`${args.join(' ')}: exit 2 with the error, and nothing is printed`, async () => {
      await using dir = await files();
      assert.equal((await run([...args, dir.path])).code, 0);
      await writeFile(dir.join('c.yaml'), broken);
      const { code, stdout, stderr } = await run([...args, dir.path]);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, /^error: .*c\.yaml:4 .*MT003 caBundles must be a list$/m);
      assert.match(
        stderr,
        /mesh default: a whole file or resource is refused \(1 error\); a server would keep its previous version/,
      );
    });

  const unavailable = identityText({
    name: 'c',
    spec: bundled({ type: 'Secret', secretRef: { kind: 'Secret', name: 'absent' } }),
  });
  for (const args of [['bundle', '--format=pem'], ['export']])
    test(`${args.join(' ')} with a MeshIdentity whose CA cannot be read: exit 2, since a server keeps what it gave`, async () => {
      await using dir = await files();
      await writeFile(dir.join('c.yaml'), unavailable);
      assert.equal((await run([...args, dir.path])).code, 0);
      const { code, stdout, stderr } = await run([...args, '--identities', dir.path]);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, /^error: .*c\.yaml:1: MT071 /m);
      assert.match(
        stderr,
        /mesh default: the CA certificates of a MeshIdentity cannot be determined \(1 error\); a server would keep its previous version/,
      );
      await writeFile(dir.join('d.yaml'), broken);
      const both = await run([...args, '--identities', dir.path]);
      assert.match(
        both.stderr,
        /a whole file or resource is refused, and the CA certificates of a MeshIdentity cannot be determined \(2 errors\)/,
      );
    });

  for (const args of [['bundle', '--format=pem'], ['export']])
    test(`${args.join(' ')} with a distrust list that has a damaged line: exit 2, since the line may be meant for a CA`, async () => {
      await using dir = await files();
      await using lists = await makeTempDir();
      const list = lists.join('distrusted');
      await writeFile(list, `${'0'.repeat(64)}\n`);
      assert.equal((await run([...args, dir.path, '--distrust', list])).code, 0);
      await writeFile(list, `${'0'.repeat(64)}\n${'0'.repeat(65)}\n`);
      const { code, stdout, stderr } = await run([...args, dir.path, '--distrust', list]);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, /^error: \S+distrusted:2: MT060 /m);
      assert.match(stderr, /mesh default: a line of the distrust list is not understood \(1 error\); /);
      // Without certificates in the output, the list is only named.
      const shown = await run(['bundle', dir.path, '--distrust', list]);
      assert.equal(shown.code, 0);
      const other = await run(['bundle', '--mesh=typo', dir.path, '--distrust', list]);
      assert.match(other.stderr, /^error: mesh typo: no MeshTrust lists it/m);
    });

  test('a resource of another mesh: the bundle of this one is printed', async () => {
    await using dir = await files();
    await writeFile(dir.join('c.yaml'), broken.replace('default', 'blue'));
    await writeFile(dir.join('d.yaml'), unavailable.replace('default', 'blue'));
    const { code } = await run(['bundle', '--format=pem', '--identities', dir.path]);
    assert.equal(code, 0);
  });

  test('no other file: it is unknown whether the mesh is listed', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('c.yaml'), broken);
    const { code, stderr } = await run(['bundle', dir.path]);
    assert.equal(code, 2);
    assert.match(stderr, /mesh default: .* no other lists the mesh, so its trust is unknown/);
  });
});

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { loadAll } from 'js-yaml';
import { exportedName } from '../../../src/cli/offline/mesh-trust-text.ts';
import { makeCa, makeIntermediate } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../run.ts';
import { wholeServer } from '../whole-server.ts';

const [a, b, c] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' }), makeCa({ commonName: 'C' })];
const intermediate = makeIntermediate(c, { commonName: 'I' });
const east = { trustDomain: 'east.test', name: 'east', pems: [a.certPem, b.certPem] };
const west = { trustDomain: 'west.test', name: 'west', pems: [c.certPem] };

interface Exported {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly trustDomain: string;
    readonly caBundles: readonly { readonly pem: { readonly value: string } }[];
  };
}

suite('meshtrust export', () => {
  test('from a server: one MeshTrust for each trust domain, with all CAs and the labels of the target zone', async () => {
    await using server = await wholeServer([east, west]);
    const out = await run(['export', '--for-zone', 'zone-2', '--server', server.url]);
    assert.equal(out.code, 0, out.stderr);
    assert.equal(out.stderr, 'mesh default: 3 CA certificates of east.test, west.test\n');
    const documents = loadAll(out.stdout) as readonly Exported[];
    assert.deepEqual(
      documents.map(({ kind, metadata, spec }) => [
        kind,
        metadata.namespace,
        metadata.labels,
        spec.trustDomain,
      ]),
      ['east.test', 'west.test'].map((name) => [
        'MeshTrust',
        'kuma-system',
        { 'kuma.io/mesh': 'default', 'kuma.io/origin': 'zone', 'kuma.io/zone': 'zone-2' },
        name,
      ]),
    );
    const [first] = documents;
    assert.deepEqual(
      first?.spec.caBundles.map(({ pem }) => pem.value).sort(),
      [a.certPem, b.certPem].sort(),
      'all CA certificates of the trust domain',
    );
  });

  test('an intermediate without its issuer: exported as listed, not in the form that proxies get', async () => {
    await using server = await wholeServer([
      { trustDomain: 'east.test', name: 'east', pems: [intermediate.certPem] },
    ]);
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), meshTrustYaml({ ...east, pems: [intermediate.certPem] }));
    for (const from of [['--server', server.url], [dir.path]]) {
      const out = await run(['export', ...from]);
      const [one] = loadAll(out.stdout) as readonly Exported[];
      assert.equal(one?.spec.caBundles[0]?.pem.value, intermediate.certPem);
    }
  });

  test('refused file: prints nothing, exit 2, because the output would withdraw its trust', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), meshTrustYaml(east));
    await writeFile(dir.join('b.yaml'), meshTrustYaml(west).replace('trustDomain:', 'domain:'));
    for (const args of [
      ['export'],
      ['export', '--trust-domain', 'east.test'],
      ['bundle', '--format', 'pem'],
    ]) {
      const { code, stdout, stderr } = await run([...args, dir.path]);
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.match(stderr, /^error: .*b\.yaml:\d+ spec\.trustDomain: MT003 /m);
      assert.match(stderr, /error: mesh default: a whole file or resource is refused \(1 error\); /);
    }
    assert.equal((await run(['bundle', dir.path])).code, 0);
  });

  test('refused certificate: the others are printed', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), meshTrustYaml({ ...east, pems: [a.certPem, 'no certificate'] }));
    const { code, stdout } = await run(['export', dir.path]);
    assert.equal(code, 0);
    assert.equal((loadAll(stdout) as readonly Exported[])[0]?.spec.caBundles.length, 1);
  });

  test('--trust-domain and --universal: one MeshTrust in the Universal form, which validate accepts', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), meshTrustYaml(east));
    await writeFile(dir.join('b.yaml'), meshTrustYaml(west));
    const out = await run(['export', dir.path, '--trust-domain', 'west.test', '--universal']);
    assert.match(out.stdout, /^type: MeshTrust\nname: west\.test-[0-9a-f]{8}\nmesh: default\nspec:/);
    assert.equal(loadAll(out.stdout).length, 1);
    await using copy = await makeTempDir();
    await writeFile(copy.join('w.yaml'), out.stdout);
    assert.equal((await run(['validate', copy.path, '--strict'])).code, 0);
  });

  test('a trust domain that the mesh does not list: exit code 1, with the known ones', async () => {
    await using server = await wholeServer([east]);
    const out = await run(['export', '--trust-domain', 'north.test', '--server', server.url]);
    assert.equal(out.code, 1);
    assert.equal(out.stdout, '');
    assert.match(
      out.stderr,
      /does not list a CA certificate of trust domain north\.test \(trust domains: east\.test\)/,
    );
  });

  test('names: differ by mesh, and are names of objects in Kubernetes', () => {
    assert.notEqual(exportedName('a', 'x.test'), exportedName('b', 'x.test'));
    for (const domain of [
      'x.test',
      'a_b.test',
      '-a-.-b-',
      '_',
      '..',
      'a'.repeat(255),
      `${'a'.repeat(239)}.b`,
    ])
      assert.match(
        exportedName('m', domain),
        /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
        domain,
      );
  });
});

suite('meshtrust diff --add', () => {
  test('exported MeshTrusts against the server of the target zone: what they add, and nothing removed', async () => {
    await using source = await wholeServer([east]);
    await using target = await wholeServer([west]);
    await using dir = await makeTempDir();
    const exported = await run(['export', '--for-zone', 'zone-2', '--server', source.url]);
    await writeFile(dir.join('east.yaml'), exported.stdout);
    const diff = await run(['diff', '--add', dir.join('east.yaml'), '--server', target.url]);
    assert.equal(diff.code, 1, diff.stderr);
    assert.deepEqual(diff.stdout.match(/east\.test +added/g)?.length, 2);
    assert.doesNotMatch(diff.stdout, /removed|west/);
    const { meshes } = JSON.parse(
      (await run(['diff', '--add', dir.path, '--server', target.url, '-o', 'json'])).stdout,
    ) as { readonly meshes: readonly { readonly after: string }[] };
    target.deliver({ kind: 'content', path: 'east.yaml', text: exported.stdout, settled: true });
    assert.equal(
      target.pipeline.view().meshes.get('default')?.secrets.version,
      meshes[0]?.after,
      'the version after the change is the one that the server then serves',
    );
  });

  test('without --add: the file is all of the trust', async () => {
    await using target = await wholeServer([west]);
    await using dir = await makeTempDir();
    await writeFile(dir.join('east.yaml'), meshTrustYaml(east));
    const whole = await run(['diff', dir.join('east.yaml'), '--server', target.url]);
    assert.match(whole.stdout, /west\.test +removed/);
  });

  test('what the server has already: no difference', async () => {
    await using server = await wholeServer([
      east,
      { ...west, pems: [intermediate.certPem] },
      { ...west, mesh: 'blue' },
    ]);
    await using dir = await makeTempDir();
    await writeFile(dir.join('east.yaml'), meshTrustYaml(east));
    const diff = await run(['diff', '--add', dir.path, '--server', server.url]);
    assert.equal(diff.code, 0, diff.stdout + diff.stderr);
  });

  test('a resource of the same name: replaces the one of the server', async () => {
    await using server = await wholeServer([east]);
    await using dir = await makeTempDir();
    await writeFile(dir.join('east.yaml'), meshTrustYaml({ ...east, pems: [a.certPem, c.certPem] }));
    const diff = await run(['diff', '--add', dir.path, '--server', server.url, '-o', 'wide']);
    assert.match(diff.stdout, /removed .* CN=B/);
    assert.match(diff.stdout, /added .* CN=C/);
    assert.doesNotMatch(diff.stdout, /CN=A/);
  });

  test('two paths: the second is added to the first', async () => {
    await using before = await makeTempDir();
    await using after = await makeTempDir();
    await writeFile(before.join('a.yaml'), meshTrustYaml(east));
    await writeFile(after.join('b.yaml'), meshTrustYaml(west));
    const diff = await run(['diff', '--add', before.path, after.path]);
    assert.match(diff.stdout, /west\.test +added/);
    assert.doesNotMatch(diff.stdout, /removed/);
  });
});

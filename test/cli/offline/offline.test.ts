import assert from 'node:assert/strict';
import { X509Certificate, createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { FindingList, MeshDetail } from '../../../src/api/api-types.ts';
import { makeCa, makeIntermediate } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../run.ts';

const ca = makeCa({ commonName: 'A' });
const yaml = (name: string, pem: string) => meshTrustYaml({ name, trustDomain: `${name}.test`, pems: [pem] });
const key = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----\n';

suite('validate', () => {
  test('valid files: exit 0', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), yaml('a', ca.certPem));
    assert.deepEqual(await run(['validate', dir.path]), {
      code: 0,
      stdout: '',
      stderr: '1 MeshTrust accepted; 0 errors, 0 warnings, 0 notes\n',
    });
  });

  test('with colours: the severity of a finding and the mark of an error have one, without them none', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), 'type: MeshTrust\nname: a\n');
    const [plain, coloured] = [
      await run(['validate', dir.path]),
      await run(['validate', dir.path], { FORCE_COLOR: '1' }),
    ];
    const mark = '\u001b[31merror:\u001b[39m ';
    assert.ok(coloured.stdout.startsWith(`${mark}${dir.join('a.yaml')}`), coloured.stdout);
    assert.equal(stripVTControlCharacters(coloured.stdout), plain.stdout);
    assert.notEqual(coloured.stdout, plain.stdout);
    const missing = await run(['validate', '/nowhere'], { FORCE_COLOR: '1' });
    assert.ok(missing.stderr.startsWith(`${mark}/nowhere cannot be read`), missing.stderr);
  });

  test('violation or refused block: exit 1, with a line each that quotes no key', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), yaml('a', ca.certPem + key));
    await writeFile(dir.join('b.yaml'), yaml('b', ca.certPem).replace('type: Pem', 'type: Jwks'));
    const { code, stdout } = await run(['validate', dir.path]);
    assert.equal(code, 1);
    const lines = stdout.trim().split('\n');
    assert.equal(lines.length, 2, stdout);
    assert.match(lines[0] ?? '', /a\.yaml:9 spec\.caBundles\[0\]\.pem\.value block 2: MT011 /);
    assert.match(lines[1] ?? '', /b\.yaml:7 spec\.caBundles\[0\]\.type: MT003 type must be 'Pem'/);
    assert.ok(!stdout.includes('c2VjcmV0'));
  });

  test('--distrust: applies the list; list that cannot be read: exit 2', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), yaml('a', ca.certPem));
    const fingerprint = createHash('sha256').update(new X509Certificate(ca.certPem).raw).digest('hex');
    await writeFile(dir.join('distrusted'), `${fingerprint}\n`);
    const paths = [dir.join('a.yaml'), '--distrust', dir.join('distrusted')];
    const { stdout } = await run(['validate', ...paths]);
    assert.match(stdout, new RegExp(`a\\.yaml:9 .* block 1: MT\\d+ .*distrust`));
    assert.doesNotMatch((await run(['bundle', ...paths])).stdout, /CN=A/);
    const missing = await run(['validate', dir.join('a.yaml'), '--distrust', dir.join('missing')]);
    assert.equal(missing.code, 2);
    assert.match(
      missing.stderr,
      /^error: the distrust list \S+ cannot be read: no such file or directory\n$/,
    );
  });

  const refusedTexts: Readonly<Record<string, readonly [text: string, line: RegExp]>> = {
    'a misspelt type': [
      yaml('a', ca.certPem).replace('MeshTrust', 'MeshTrsut'),
      /^error: \S+a\.yaml:1: MT009 the document looks like a MeshTrust, but its type is misspelt$/m,
    ],
    'an apiVersion without a group': [
      yaml('a', ca.certPem)
        .replace('type: MeshTrust', 'apiVersion: v1alpha1\nkind: MeshTrust')
        .replace(/^name: a\nmesh: default$/m, 'metadata: { name: a }'),
      /^error: \S+a\.yaml:1: MT009 the document is of kind MeshTrust, but its apiVersion is not 'kuma\.io\/v1alpha1'$/m,
    ],
    'an unknown field of the spec': [
      yaml('a', ca.certPem).replace('spec:', 'spec:\n  trustdomain: x'),
      /^error: \S+a\.yaml:5 spec\.trustdomain: MT051 spec\.trustdomain is not a field of a MeshTrust/m,
    ],
    'an unknown field of a bundle': [
      yaml('a', ca.certPem).replace('- type: Pem', '- type: Pem\n      Pem: {}'),
      /^error: \S+a\.yaml:\d+ spec\.caBundles\[0\]\.Pem: MT051 /m,
    ],
  };
  for (const [what, [text, line]] of Object.entries(refusedTexts)) {
    test(`${what} → exit 1 and a line that names it`, async () => {
      await using dir = await makeTempDir();
      await writeFile(dir.join('a.yaml'), text);
      const { code, stdout } = await run(['validate', dir.path]);
      assert.equal(code, 1);
      assert.match(stdout, line);
    });
  }

  test('a label below kuma.io/ that is misspelt → a warning that names the mesh', async () => {
    await using dir = await makeTempDir();
    const text = yaml('a', ca.certPem)
      .replace('type: MeshTrust', 'apiVersion: kuma.io/v1alpha1\nkind: MeshTrust')
      .replace(/^name: a\nmesh: default$/m, "metadata: { name: a, labels: { 'kuma.io/mseh': blue } }");
    await writeFile(dir.join('a.yaml'), text);
    const { code, stdout } = await run(['validate', dir.path]);
    assert.equal(code, 0, stdout);
    assert.match(
      stdout,
      /^warning: \S+a\.yaml:3 metadata\.labels\["kuma\.io\/mseh"\]: MT050 .* is in mesh default$/m,
    );
  });

  for (const key of [
    'Kuma.io/mesh',
    'k8s.kuma.io/mesh',
    'kuma.io_mesh',
    'kuma/mesh',
    'kuma.io/Mesh',
    'mesh',
  ]) {
    test(`label ${key} in place of kuma.io/mesh: a warning that names the mesh`, async () => {
      await using dir = await makeTempDir();
      const text = yaml('a', ca.certPem)
        .replace('type: MeshTrust', 'apiVersion: kuma.io/v1alpha1\nkind: MeshTrust')
        .replace(/^name: a\nmesh: default$/m, `metadata: { name: a, labels: { '${key}': blue } }`);
      await writeFile(dir.join('a.yaml'), text);
      const { stdout } = await run(['validate', dir.path]);
      assert.match(stdout, /^warning: \S+a\.yaml:3 metadata\.labels\b.*: MT050 .* is in mesh default$/m);
      // Beside the label itself, it cannot have been meant.
      await writeFile(dir.join('a.yaml'), text.replace('labels: {', "labels: { 'kuma.io/mesh': blue,"));
      const beside = await run(['validate', dir.path]);
      assert.equal(/MT050/.test(beside.stdout), key.startsWith('kuma.io/'));
    });
  }

  test('annotation kuma.io/mesh without the label: a warning that names the mesh', async () => {
    await using dir = await makeTempDir();
    const text = yaml('a', ca.certPem)
      .replace('type: MeshTrust', 'apiVersion: kuma.io/v1alpha1\nkind: MeshTrust')
      .replace(/^name: a\nmesh: default$/m, "metadata: { name: a, annotations: { 'kuma.io/mesh': blue } }");
    await writeFile(dir.join('a.yaml'), text);
    const { stdout } = await run(['validate', dir.path]);
    assert.match(stdout, /MT050 .*not an annotation.* is in mesh default$/m);
  });

  test('labels of others, such as example.com/mesh or kuma-team/owner: no warning', async () => {
    await using dir = await makeTempDir();
    const labels = "{ 'example.com/mesh': x, 'kuma-team/owner': y, 'app.kubernetes.io/name': z }";
    const text = yaml('a', ca.certPem)
      .replace('type: MeshTrust', 'apiVersion: kuma.io/v1alpha1\nkind: MeshTrust')
      .replace(/^name: a\nmesh: default$/m, `metadata: { name: a, labels: ${labels} }`);
    await writeFile(dir.join('a.yaml'), text);
    assert.match(text, /kuma-team\/owner/);
    const { code, stdout } = await run(['validate', dir.path]);
    assert.deepEqual([code, stdout], [0, '']);
  });

  for (const kind of ['kind: Lsit', 'kind: ListOfTrust', 'next: null']) {
    test(`list of MeshTrusts with ${kind}: an error, not another kind`, async () => {
      await using dir = await makeTempDir();
      const item = JSON.stringify({ type: 'MeshTrust', name: 'a', mesh: 'default', spec: {} });
      await writeFile(dir.join('a.yaml'), `${kind}\nitems: [${item}]\n`);
      const { code, stdout } = await run(['validate', dir.path]);
      assert.equal(code, 1);
      assert.match(stdout, /^error: \S+a\.yaml:1: MT009 the document has MeshTrusts as its items/m);
    });
  }

  test('only other kinds, or no document → exit 1 with a message', async () => {
    await using dir = await makeTempDir();
    const empty = await run(['validate', dir.path]);
    assert.equal(empty.code, 1);
    assert.match(empty.stderr, /^error: \S+: no MeshTrust found$/m);
    await writeFile(dir.join('a.yaml'), 'kind: ConfigMap\n---\nkind: ConfigMap\n---\nreplicas: 1\n');
    const others = await run(['validate', dir.path]);
    assert.equal(others.code, 1);
    assert.match(
      others.stderr,
      /^skipped documents of other kinds: 2 ConfigMap, 1 without a kind\nerror: \S+: no MeshTrust found$/m,
    );
  });

  test('endings in capitals, lists of the REST API of Kuma and nested lists → read', async () => {
    await using dir = await makeTempDir();
    const item = (name: string) => ({
      type: 'MeshTrust',
      name,
      mesh: 'default',
      spec: { trustDomain: `${name}.test`, caBundles: [{ type: 'Pem', pem: { value: ca.certPem } }] },
    });
    await writeFile(dir.join('a.YAML'), yaml('a', ca.certPem));
    await writeFile(dir.join('b.JSON'), JSON.stringify({ total: 1, items: [item('b')], next: null }));
    const inner = { kind: 'List', apiVersion: 'v1', items: [item('c')] };
    await writeFile(dir.join('c.json'), JSON.stringify({ kind: 'List', apiVersion: 'v1', items: [inner] }));
    const { stderr } = await run(['validate', dir.path]);
    assert.match(stderr, /^3 MeshTrusts accepted/m);
  });

  test('warnings: exit 0, with --strict exit 1', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), yaml('a', makeIntermediate(ca).certPem));
    const lenient = await run(['validate', '-o', 'json', dir.path]);
    assert.equal(lenient.code, 0);
    const { findings } = JSON.parse(lenient.stdout) as FindingList;
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['MT020'],
    );
    assert.equal((await run(['validate', '--strict', dir.path])).code, 1);
    assert.equal((await run(['validate', '--refuse-intermediates', dir.path])).code, 1);
  });

  test('an expired CA alone → exit 1; beside a valid one → a warning and exit 0', async () => {
    await using dir = await makeTempDir();
    const day = 86_400_000;
    const old = makeCa({
      commonName: 'Old',
      notBefore: new Date(Date.now() - 9 * day),
      notAfter: new Date(Date.now() - 2 * day),
    });
    await writeFile(dir.join('a.yaml'), yaml('a', old.certPem));
    const alone = await run(['validate', dir.path]);
    assert.equal(alone.code, 1);
    assert.match(
      alone.stdout,
      /^error: \S+a\.yaml:9 spec\.caBundles\[0\]\.pem\.value block 1: MT022 CA CN=Old expired on .*; a\.test has no valid CA/,
    );
    await writeFile(dir.join('a.yaml'), yaml('a', old.certPem + ca.certPem));
    const beside = await run(['validate', dir.path]);
    assert.equal(beside.code, 0);
    assert.match(beside.stdout, /^warning: .* MT022 CA CN=Old expired on .*; Envoy refuses its clients$/m);
  });

  test('a CA that expires within 7 days → a warning and exit 0', async () => {
    await using dir = await makeTempDir();
    const soon = makeCa({ commonName: 'Soon', notAfter: new Date(Date.now() + 5 * 86_400_000) });
    await writeFile(dir.join('a.yaml'), yaml('a', soon.certPem));
    const { code, stdout } = await run(['validate', dir.path]);
    assert.equal(code, 0);
    assert.match(stdout, /^warning: .* MT023 CA CN=Soon expires on .*, within 7 days; list its successor/);
  });

  test('every CA of a mesh is distrusted → an error about the mesh and exit 1', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), yaml('a', ca.certPem));
    const fingerprint = createHash('sha256').update(new X509Certificate(ca.certPem).raw).digest('hex');
    await writeFile(dir.join('distrusted'), `${fingerprint}\n`);
    const { code, stdout } = await run([
      'validate',
      dir.join('a.yaml'),
      '--distrust',
      dir.join('distrusted'),
    ]);
    assert.equal(code, 1);
    assert.match(stdout, /^error: MT034 mesh default has no CA in force; its proxies refuse every client$/m);
  });
});

suite('validate of a file with every violation', () => {
  test('each violation: has a line with file, line, path, code and reason', async () => {
    await using dir = await makeTempDir();
    const text = [yaml('a', ca.certPem).replace('a.test', 'A.test').replace('type: Pem', 'type: Jwks')];
    await writeFile(dir.join('a.yaml'), [...text, yaml('b', 'nonsense')].join('---\n'));
    await writeFile(dir.join('b.yaml'), 'type: MeshTrust\nname: [\n');
    await writeFile(dir.join('c.yaml'), '');
    await writeFile(dir.join('d.yaml'), 'kind: ConfigMap\n');
    const { code, stdout, stderr } = await run(['validate', dir.path]);
    assert.equal(code, 1);
    const lines = stdout.trimEnd().split('\n');
    for (const line of lines) assert.match(line, /^error: \S+\.yaml(?::\d+)?(?: spec\.\S+)?: MT\d{3} \S/);
    const places = lines.map((line) =>
      line.replace(/^.*\/(?<place>[a-z]\.yaml\S*).*(?<code>MT\d+).*$/, '$1 $2'),
    );
    assert.deepEqual(
      places.sort((one, other) => (one < other ? -1 : 1)),
      ['a.yaml:11 MT005', 'a.yaml:5 MT008', 'a.yaml:7 MT003', 'b.yaml:3: MT002', 'c.yaml: MT006'],
    );
    assert.equal(
      stderr,
      'skipped documents of other kinds: 1 ConfigMap\n0 MeshTrusts accepted; 5 errors, 0 warnings, 0 notes\n',
    );
  });

  test('files and directories: are read, directories recursively', async () => {
    await using dir = await makeTempDir();
    await mkdir(dir.join('sub', 'deeper'), { recursive: true });
    await writeFile(dir.join('a.yaml'), yaml('a', ca.certPem));
    await writeFile(dir.join('sub', 'deeper', 'b.json'), JSON.stringify({ kind: 'Secret' }));
    await writeFile(dir.join('sub', 'c.yml'), yaml('c', ca.certPem));
    const { stderr } = await run(['validate', dir.join('a.yaml'), dir.join('sub')]);
    assert.match(stderr, /^2 MeshTrusts accepted/m);
  });
});

suite('a path that cannot be read', () => {
  for (const command of ['validate', 'bundle']) {
    test(`${command}: ends with wrong usage, and names the path`, async () => {
      const { code, stdout, stderr } = await run([command, '/nowhere/at/all']);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, /^error: \/nowhere\/at\/all cannot be read: no such file or directory\n$/);
    });
  }
});

suite('bundle', () => {
  test('several meshes and no --mesh: says which it shows, and names the others, in each format', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), yaml('a', ca.certPem));
    await writeFile(
      dir.join('b.yaml'),
      meshTrustYaml({ name: 'b', trustDomain: 'b.test', pems: [ca.certPem], mesh: 'blue' }),
    );
    const line = 'showing mesh default; other meshes (--mesh): blue\n';
    for (const args of [[], ['-o', 'json'], ['--format', 'pem']]) {
      const { code, stderr } = await run(['bundle', dir.path, ...args]);
      assert.equal(code, 0);
      assert.ok(stderr.startsWith(line), stderr);
    }
    const { stderr } = await run(['bundle', dir.path, '--mesh=default']);
    assert.equal(stderr, '');
  });

  test('one mesh that is not the default: is shown where the output names it', async () => {
    await using dir = await makeTempDir();
    const blue = { name: 'b', trustDomain: 'b.test', pems: [ca.certPem], mesh: 'blue' };
    await writeFile(dir.join('b.yaml'), meshTrustYaml(blue));
    const shown = await run(['bundle', dir.path]);
    assert.equal(shown.code, 0, shown.stderr);
    assert.equal(shown.stderr, 'showing mesh blue, the only one that is listed\n');
    assert.match(shown.stdout, /^mesh blue, version /);
    const refused = /^error: mesh default: no MeshTrust lists it \(meshes: blue\)/;
    for (const args of [['--format=pem'], ['--mesh=default']]) {
      const { code, stdout, stderr } = await run(['bundle', dir.path, ...args]);
      assert.deepEqual([code, stdout], [1, ''], 'the output of --format names no mesh');
      assert.match(stderr, refused);
    }
    await writeFile(dir.join('a.yaml'), 'type: MeshTrust\nname: a\nmesh: default\nspec: {}\n');
    const broken = await run(['bundle', dir.path]);
    assert.equal(broken.code, 2, 'the MeshTrust of the default mesh was refused');
    assert.match(
      broken.stderr,
      /^error: mesh default: a whole file or resource is refused \(2 errors\), .* MT003 /,
    );
  });

  test('-o wide: whole fingerprints and key hashes', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), yaml('a', ca.certPem));
    const { stdout } = await run(['bundle', dir.path, '-o', 'wide']);
    assert.match(stdout, /^ {2}[0-9a-f]{64} {2}until .* CN=A {2}from default\/\/a {2}key [0-9a-f]{64}$/m);
  });

  test('text and JSON: print the served mesh', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), yaml('a', ca.certPem));
    const text = await run(['bundle', dir.path, '--mesh', 'default']);
    assert.equal(text.code, 0);
    assert.match(
      text.stdout,
      /^mesh default, version [0-9a-f]{32}\n\ntrust domain a\.test\n {2}[0-9a-f]{16} {2}until .* CN=A {2}from default\/\/a\n$/,
    );
    const json = await run(['bundle', dir.path, '-o', 'json']);
    const detail = JSON.parse(json.stdout) as MeshDetail;
    assert.deepEqual(
      detail.trustDomains.map(({ name }) => name),
      ['a.test'],
    );
    assert.ok(text.stdout.includes(detail.version));
  });

  test('mesh that is not listed: exit 1', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), yaml('a', ca.certPem));
    const { code, stderr } = await run(['bundle', dir.path, '--mesh', 'other']);
    assert.equal(code, 1);
    assert.match(stderr, /mesh other: no MeshTrust lists it \(meshes: default\)/);
  });
});

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { load } from 'js-yaml';
import { makeCa, makeKey } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { bundled, identityText, inline } from '../../kit/mesh-identities.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { streamOf } from '../../fleet/scene.ts';
import { run } from '../run.ts';
import { wholeServer } from '../whole-server.ts';

const key = makeKey();
const [a, b, renewed] = [
  makeCa({ commonName: 'A', key }),
  makeCa({ commonName: 'B' }),
  makeCa({ commonName: 'A', key }),
];
const yaml = (pems: readonly string[], mesh = 'default') =>
  meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems, mesh });

/** Writes each text to a file in a temporary directory. */
async function files(texts: Readonly<Record<string, string>>) {
  const dir = await makeTempDir();
  for (const [name, text] of Object.entries(texts)) await writeFile(dir.join(name), text);
  return dir;
}

suite('diff', () => {
  test('files without a difference: exit 0, and nothing on stdout', async () => {
    await using dir = await files({ 'one.yaml': yaml([a.certPem]), 'two.yaml': yaml([a.certPem]) });
    const { code, stdout, stderr } = await run(['diff', dir.join('one.yaml'), dir.join('two.yaml')]);
    assert.deepEqual([code, stdout], [0, '']);
    assert.match(stderr, /^no difference between /);
  });

  test('files that differ: exit 1, with a line for each CA certificate, and a summary on stderr', async () => {
    await using dir = await files({ 'one.yaml': yaml([a.certPem]), 'two.yaml': yaml([b.certPem]) });
    const { code, stdout, stderr } = await run(['diff', dir.join('one.yaml'), dir.join('two.yaml')]);
    assert.equal(code, 1);
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    assert.deepEqual(rows[0], ['MESH', 'TRUST DOMAIN', 'CHANGE', 'FINGERPRINT', 'UNTIL', 'SUBJECT']);
    assert.deepEqual(
      rows.slice(1).map(([mesh, domain, change, fingerprint, , subject]) => {
        assert.match(fingerprint ?? '', /^[0-9a-f]{16}$/);
        return [mesh, domain, change, subject];
      }),
      [
        ['default', 'a.test', 'removed', 'CN=A'],
        ['default', 'a.test', 'added', 'CN=B'],
      ],
    );
    assert.equal(stderr, 'mesh default: 1 CA certificate removed, 1 CA certificate added\n');
  });

  test('renewed certificate: shown as renewed, with -o wide also the previous one', async () => {
    await using dir = await files({ 'one.yaml': yaml([a.certPem]), 'two.yaml': yaml([renewed.certPem]) });
    const { stdout, stderr } = await run(['diff', dir.join('one.yaml'), dir.join('two.yaml'), '-o', 'wide']);
    assert.equal(stderr, 'mesh default: 1 CA certificate renewed\n');
    assert.match(stdout, /renewed .* CN=A +as-listed +[0-9a-f]{16} +default\/\/a$/m);
  });

  test('one path: compares with the server, and counts the affected proxies', async () => {
    await using server = await wholeServer([
      { trustDomain: 'a.test', name: 'a', pems: [a.certPem] },
      { trustDomain: 'b.test', name: 'b', pems: [b.certPem], mesh: 'blue' },
    ]);
    const asked = [
      [streamOf(1), 'ALL'],
      [streamOf(2), 'spiffe://a.test'],
      [streamOf(4), 'spiffe://c.test'],
      [streamOf(3, 'other', 'blue'), 'ALL'],
    ] as const;
    for (const [proxy, secret] of asked) {
      server.proxies.asks(proxy);
      server.proxies.sent(proxy, 'v1', secret);
    }
    await using dir = await files({ 'a.yaml': yaml([a.certPem, b.certPem]) });
    const to = `--server=${server.url}`;
    const { code, stdout, stderr } = await run(['diff', dir.path, to]);
    assert.equal(code, 1);
    assert.match(stdout, /^blue +b\.test +removed /m);
    assert.match(stdout, /^default +a\.test +added .* CN=B$/m);
    assert.deepEqual(stderr.trimEnd().split('\n'), [
      'mesh blue: 1 CA certificate removed; its proxies would refuse every client; would be sent to 1 connected proxy',
      'mesh default: 1 CA certificate added; would be sent to 2 connected proxies',
    ]);
    const [json, formatted] = [
      await run(['diff', dir.path, to, '-o', 'json', '--mesh', 'blue']),
      await run(['diff', dir.path, to, '-o', 'yaml', '--mesh', 'blue']),
    ];
    const report = JSON.parse(json.stdout) as { before: string; meshes: readonly { proxies: number }[] };
    assert.deepEqual([report.before, report.meshes.map(({ proxies }) => proxies)], [server.url, [1]]);
    assert.deepEqual(load(formatted.stdout), report);
  });

  test('more differing secrets than fit into a query: counts all proxies of the mesh', async () => {
    const names = Array.from({ length: 300 }, (_, index) => `domain-${index}.test`);
    await using server = await wholeServer(
      names.map((trustDomain, index) => ({ trustDomain, name: `d${index}`, pems: [a.certPem] })),
    );
    for (const proxy of [streamOf(1), streamOf(2)]) server.proxies.asks(proxy);
    await using dir = await files({ 'a.yaml': yaml([a.certPem]) });
    const { code, stderr } = await run(['diff', dir.path, `--server=${server.url}`]);
    assert.equal(code, 1);
    assert.match(stderr, /300 CA certificates removed.*; would be sent to 2 connected proxies\n$/);
  });

  test('whole file refused: exit 2 with the reason, and no comparison', async () => {
    await using dir = await files({
      'good.yaml': yaml([a.certPem]),
      'bad.yaml': 'type: MeshTrust\n  bad: [\n',
    });
    for (const paths of [
      ['good.yaml', 'bad.yaml'],
      ['bad.yaml', 'bad.yaml'],
    ]) {
      const { code, stdout, stderr } = await run(['diff', ...paths.map((path) => dir.join(path))]);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, /^error: \S+bad\.yaml:2: MT002 /);
      assert.match(stderr, /a whole file or resource is refused \(1 error\); .* the change is unknown/);
    }
  });

  const template = '{{ .Zone }}.example';
  const incomplete: Readonly<Record<string, unknown>> = {
    MT071: bundled({ type: 'Secret', secretRef: { kind: 'Secret', name: 'absent' } }),
    MT072: bundled(inline(b.certPem), { trustDomain: '{{ index .Other }}' }),
    MT073: bundled(inline(b.certPem), { trustDomain: template }),
    MT074: bundled(inline(b.certPem), { bundled: { insecureAllowSelfSigned: false } }),
  };
  for (const [code, spec] of Object.entries(incomplete))
    test(`${code}, a MeshIdentity that gives nothing now: exit 2, since a server keeps what it gave`, async () => {
      const good = bundled(inline(b.certPem));
      await using dir = await files({
        'before.yaml': `${yaml([a.certPem])}---\n${identityText({ spec: good })}`,
        'after.yaml': `${yaml([a.certPem])}---\n${identityText({ spec })}`,
      });
      const paths = [dir.join('before.yaml'), dir.join('after.yaml')];
      const found = await run(['diff', '--identities', ...paths]);
      assert.deepEqual([found.code, found.stdout], [2, '']);
      assert.match(found.stderr, new RegExp(`^error: .*after\\.yaml:\\d+: ${code} `, 'm'));
      assert.match(
        found.stderr,
        /after\.yaml: the CA certificates of a MeshIdentity cannot be determined \(1 error\); .* the change is unknown/,
      );
      assert.equal((await run(['diff', '--identities', '--mesh=default', ...paths])).code, 2);
      // Without --identities, it is a document of another kind.
      assert.equal((await run(['diff', ...paths])).code, 0);
    });

  test('refused block: is reported, and the rest is compared', async () => {
    const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    await using dir = await files({
      'one.yaml': yaml([a.certPem]),
      'two.yaml': yaml([a.certPem, b.certPem, damaged]),
    });
    const { code, stderr } = await run(['diff', dir.join('one.yaml'), dir.join('two.yaml')]);
    assert.equal(code, 1);
    assert.match(stderr, /^error: \S+two\.yaml.* MT014 .*\nmesh default: 1 CA certificate added\n$/);
  });

  test('errors of both sides: are not printed, since the change does not bring them', async () => {
    const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const resource = { trustDomain: 'a.test', name: 'a', pems: [a.certPem, damaged] };
    await using server = await wholeServer([resource]);
    await using dir = await files({ 'a.yaml': yaml([a.certPem, damaged]) });
    for (const args of [
      [dir.path, dir.path],
      [dir.path, `--server=${server.url}`],
    ]) {
      const { code, stderr } = await run(['diff', ...args]);
      assert.equal(code, 0);
      assert.match(stderr, /^no difference between [^\n]*\n$/);
    }
  });

  test('a second damaged block: is printed, although the mesh had an error of this kind', async () => {
    const [one, two] = ['AAAA', 'BBBB'].map(
      (text) => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
    );
    await using dir = await files({
      'one.yaml': yaml([a.certPem, one ?? '']),
      'two.yaml': yaml([a.certPem, one ?? '', two ?? '']),
    });
    const { stderr } = await run(['diff', dir.join('one.yaml'), dir.join('two.yaml')]);
    assert.match(stderr, /^error: \S+two\.yaml:\d+ [^\n]*block 1: MT014[^\n]*\nno difference/);
  });

  test('--mesh: prints no errors of other meshes, and compares although one of them is refused', async () => {
    const broken = yaml(['none'], 'blue');
    await using dir = await files({
      'a.yaml': yaml([a.certPem]),
      'b.yaml': broken.replace('name: a', 'name: b'),
    });
    const all = await run(['diff', dir.path, dir.path]);
    assert.equal(all.code, 2);
    const { code, stderr } = await run(['diff', dir.path, dir.path, '--mesh=default']);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^no difference between [^\n]*\n$/);
  });

  test('mesh that is not listed: exit 1', async () => {
    await using dir = await files({ 'a.yaml': yaml([a.certPem]) });
    const { code, stderr } = await run(['diff', dir.path, dir.path, '--mesh', 'nope']);
    assert.deepEqual(
      [code, stderr],
      [1, 'error: mesh nope: no MeshTrust lists it, before or after the change\n'],
    );
  });

  test('server that serves the same: exit 0', async () => {
    await using server = await wholeServer([{ trustDomain: 'a.test', name: 'a', pems: [a.certPem] }]);
    await using dir = await files({ 'a.yaml': yaml([a.certPem]) });
    const { code, stdout } = await run(['diff', dir.path, '--server', server.url, '-o', 'json']);
    assert.equal(code, 0);
    assert.deepEqual((JSON.parse(stdout) as { meshes: unknown }).meshes, []);
  });

  test('equal replicas: compared as one server; servers that differ: exit 1', async () => {
    const resource = { trustDomain: 'a.test', name: 'a', pems: [a.certPem] };
    await using one = await wholeServer([resource]);
    await using same = await wholeServer([resource]);
    await using other = await wholeServer([{ ...resource, pems: [b.certPem] }]);
    for (const { proxies } of [one, same]) {
      const proxy = streamOf(1);
      proxies.asks(proxy);
      proxies.sent(proxy, 'v1');
    }
    await using dir = await files({ 'a.yaml': yaml([b.certPem]) });
    const replicas = await run(['diff', dir.path, '--server', one.url, '--server', same.url]);
    assert.match(replicas.stderr, /; would be sent to 2 connected proxies/);
    const { code, stdout, stderr } = await run([
      'diff',
      dir.path,
      '--server',
      one.url,
      '--server',
      other.url,
    ]);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /serve different versions; give only one of them/);
  });

  test('missing path: exit 2; server does not answer: exit 3', async () => {
    await using dir = await files({ 'a.yaml': yaml([a.certPem]) });
    assert.equal((await run(['diff', dir.path, '/nowhere'])).code, 2);
    const alone = await run(['diff', dir.path, `--server=http://127.0.0.1:${await freePort()}`]);
    assert.deepEqual([alone.code, alone.stdout], [3, '']);
  });
});

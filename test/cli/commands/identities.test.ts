import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { runProgram } from '../../../src/cli/program.ts';
import { makeCa } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { bundled, identityText, inline } from '../../kit/mesh-identities.ts';
import { run } from '../run.ts';
import type { Outcome } from '../run.ts';

const a = makeCa({ commonName: 'A' });
const b = makeCa({ commonName: 'B' });
const template = '{{ .Zone }}.example';
const spire = identityText({ name: 'spire', spec: { provider: { type: 'Spire' } } });
const text = (pem: string): string => identityText({ spec: bundled(inline(pem), { trustDomain: template }) });

suite('meshtrust derive', () => {
  test('MeshIdentities in files: MeshTrusts that serve and validate accept', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), text(a.certPem));
    await writeFile(dir.join('b.yaml'), spire);
    const derived = await run(['derive', dir.path, '--zone', 'east']);
    assert.equal(derived.code, 0);
    assert.equal(derived.stderr, '1 MeshTrust of 2 MeshIdentities\n');
    await using out = await makeTempDir();
    await writeFile(out.join('trust.yaml'), derived.stdout);
    const { code, stdout } = await run(['bundle', out.path, '-o', 'json']);
    assert.equal(code, 0);
    assert.match(stdout, /"name": "east\.example"/);
    assert.match(derived.stdout, /kri: kri_mid_default_east__identity_/);
    assert.equal((await run(['validate', out.path])).code, 0);
    // The MeshTrust is the publication of the MeshIdentity: beside it, nothing changes.
    await writeFile(dir.join('trust.yaml'), derived.stdout);
    const diff = await run(['diff', out.path, dir.path, '--identities', '--zone', 'east']);
    assert.equal(diff.code, 0, diff.stdout + diff.stderr);
  });

  test('several zones: a MeshTrust with its own name for each', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), text(a.certPem));
    const { stdout, code } = await run(['derive', dir.path, '--zones', 'east,west']);
    assert.equal(code, 0);
    assert.deepEqual(stdout.match(/^name: .*$/gm), ['name: identity-east', 'name: identity-west']);
  });

  test('the Kubernetes form: the MeshTrust has its namespace and mesh', async () => {
    await using dir = await makeTempDir();
    await writeFile(
      dir.join('a.yaml'),
      JSON.stringify({
        apiVersion: 'kuma.io/v1alpha1',
        kind: 'MeshIdentity',
        metadata: { name: 'identity', namespace: 'kuma-system', labels: { 'kuma.io/mesh': 'payments' } },
        spec: bundled(inline(a.certPem)),
      }),
    );
    const { stdout } = await run(['derive', dir.path]);
    assert.match(stdout, /^ {2}namespace: kuma-system$/m);
    assert.match(stdout, /^ {4}kuma\.io\/mesh: payments$/m);
  });

  test('a MeshIdentity that gives nothing for a reason: exit code 1, with the finding', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), text(a.certPem));
    const { code, stdout, stderr } = await run(['derive', dir.path]);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /MT073/);
  });

  test('a file beside it that cannot be parsed: exit code 1, because it may contain a MeshIdentity', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), text(a.certPem));
    await writeFile(dir.join('b.yaml'), 'type: [MeshIdentity\n');
    const { code, stdout, stderr } = await run(['derive', dir.path, '--zone', 'east']);
    assert.equal(code, 1);
    assert.match(stdout, /^ {2}trustDomain: east\.example$/m);
    assert.match(stderr, /b\.yaml:\d+: MT002/);
  });

  test('a CA certificate in a file: is read below --identity-root only', async () => {
    await using dir = await makeTempDir();
    await using root = await makeTempDir();
    await writeFile(root.join('ca.pem'), a.certPem);
    const file = { type: 'File', file: { path: root.join('ca.pem') } };
    await writeFile(
      dir.join('a.yaml'),
      identityText({ spec: bundled(file, { trustDomain: 'file.example' }) }),
    );
    const inside = await run(['derive', dir.path, '--identity-root', root.path]);
    assert.equal(inside.code, 0, inside.stderr);
    assert.match(inside.stdout, /^ {2}trustDomain: file\.example$/m);
    assert.ok(inside.stdout.includes(a.certPem.split('\n')[1] ?? assert.fail()));
    const validated = await run(['validate', dir.path, '--identities', '--identity-root', root.path]);
    assert.deepEqual([validated.code, validated.stdout], [0, '']);

    const outside = await run(['derive', dir.path, '--identity-root', dir.path]);
    assert.equal(outside.code, 1);
    assert.match(outside.stderr, /MT001 .*the file is outside of --identity-root/);
    const without = await run(['validate', dir.path, '--identities']);
    assert.match(without.stdout, /MT071/);
    assert.equal((await run(['derive', dir.path])).code, 1);
  });

  test('the list that kubectl prints, on the standard input: MeshTrusts of all its MeshIdentities', async () => {
    const of = (name: string, certificate: unknown): unknown => ({
      apiVersion: 'kuma.io/v1alpha1',
      kind: 'MeshIdentity',
      metadata: { name, namespace: 'kuma-system', labels: { 'kuma.io/mesh': 'payments' } },
      spec: bundled(certificate, { trustDomain: `${name}.{{ .Zone }}.example` }),
    });
    const named = { type: 'Secret', secretRef: { kind: 'Secret', name: 'identity-ca' } };
    const items = [of('first', inline(a.certPem)), of('second', named)];
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items });
    const secret = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'system.kuma.io/secret',
      metadata: {
        name: 'identity-ca',
        namespace: 'kuma-system',
        labels: { 'kuma.io/mesh': 'payments' },
      },
      data: { value: Buffer.from(b.certPem).toString('base64') },
    });
    const derive = (text: string): Promise<Outcome> =>
      run(['derive', '-', '--zone', 'east'], {}, undefined, (io) =>
        runProgram({ ...io, stdin: Readable.from([text]) }),
      );

    const alone = await derive(list);
    assert.equal(alone.code, 1);
    assert.match(alone.stdout, /^ {2}trustDomain: first\.east\.example$/m);
    assert.match(alone.stderr, /MT071/);

    const { code, stdout, stderr } = await derive(`${list}\n---\n${secret}\n`);
    assert.deepEqual([code, stderr], [0, '2 MeshTrusts of 2 MeshIdentities\n']);
    assert.deepEqual(stdout.match(/^ {2}trustDomain: .*$/gm), [
      '  trustDomain: first.east.example',
      '  trustDomain: second.east.example',
    ]);
    assert.ok(stdout.includes(b.certPem.split('\n')[1] ?? assert.fail()));
  });

  test('no MeshIdentity: exit code 1', async () => {
    await using dir = await makeTempDir();
    assert.equal((await run(['derive', dir.path])).code, 1);
  });
});

suite('meshtrust validate --identities', () => {
  test('broken MeshIdentities: have findings; without the flag they are documents of another kind', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), text(a.certPem));
    assert.match((await run(['validate', dir.path, '--identities'])).stdout, /MT073/);
    assert.equal((await run(['validate', dir.path, '--identities', '--zone', 'z'])).code, 0);
    assert.match(
      (await run(['validate', dir.path])).stderr,
      /skipped documents of other kinds: .*MeshIdentity/,
    );
  });

  test('a Secret with a CA certificate: is a skipped document without the flag only', async () => {
    await using dir = await makeTempDir();
    const secret = { type: 'Secret', name: 'ca', mesh: 'default', data: 'AA==' };
    await writeFile(dir.join('a.json'), JSON.stringify(secret));
    await writeFile(dir.join('b.yaml'), spire);
    assert.doesNotMatch((await run(['validate', dir.path, '--identities'])).stderr, /skipped/);
    assert.match((await run(['validate', dir.path])).stderr, /skipped documents of other kinds: .*1 Secret/);
  });

  test('only MeshIdentities without trust: nothing is wrong', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), spire);
    assert.equal((await run(['validate', dir.path, '--identities'])).code, 0);
  });
});

suite('meshtrust identities', () => {
  test('a replaced CA: is listed with its end, and goes when it is released', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', text(a.certPem));
    await files.put('b.yaml', spire);
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--identities', '--zone=east'] });
    const to = `--server=http://127.0.0.1:${server.adminPort}`;
    await files.put('a.yaml', text(b.certPem));
    await server.logged('the CA is superseded', ({ code }) => code === 'MT076');
    const { stdout } = await run(['identities', to]);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    const [, current, old, other] = lines;
    assert.deepEqual(current?.slice(0, 5), ['default', 'identity', 'trust', 'east.example', 'CN=B']);
    assert.deepEqual(old?.slice(0, 5), ['default', 'identity', 'trust', 'east.example', 'CN=A']);
    assert.match(old?.[6] ?? '', /^\d{4}-/);
    assert.deepEqual(other?.slice(0, 4), ['default', 'spire', 'none', '-']);

    const unknown = await run(['identities', 'release', 'nope', to]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /mesh default has no MeshIdentity nope/);
    const released = await run(['identities', 'release', 'identity', '--yes', to]);
    assert.equal(released.code, 0);
    assert.match(released.stderr, /1 CA certificate released/);
    await poll('the CA to be withdrawn', async () =>
      (await run(['bundle', to])).stdout.includes('CN=A') ? undefined : true,
    );
    assert.match((await run(['bundle', to])).stdout, /CN=B/);
  });

  /** Starts an admin API with one MeshIdentity, and the subjects of its superseded CA certificates. */
  async function playedServer(t: TestContext, superseded: readonly string[], release = 200) {
    const releases: string[] = [];
    const identity = {
      mesh: 'default',
      namespace: '',
      name: 'identity',
      path: 'a.yaml',
      state: 'trust',
      trustDomains: [],
      superseded: superseded.map((subject) => ({ subject, fingerprint: subject, trustDomain: 'a.example' })),
    };
    const http = createServer((request, response) => {
      if (request.method !== 'POST')
        return void response.end(JSON.stringify({ read: true, identities: [identity] }));
      releases.push(request.url ?? '');
      const failure = { error: { code: 'forbidden', message: 'not from here' } };
      const answer = release === 200 ? { released: superseded.length } : failure;
      return void response.writeHead(release).end(JSON.stringify(answer));
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    t.after(() => {
      http.closeAllConnections();
      http.close();
    });
    return { option: `--server=http://127.0.0.1:${(http.address() as AddressInfo).port}`, releases };
  }

  test('release, only the second server has a superseded CA: it is named before anything is released', async (t) => {
    const [one, two] = [await playedServer(t, []), await playedServer(t, ['CN=Old'])];
    const args = ['identities', 'release', 'identity', one.option, two.option];
    const { code, stderr } = await run(args, {}, undefined, (io) =>
      runProgram({ ...io, stdin: Object.assign(Readable.from(['n\n']), { isTTY: true }) }),
    );
    assert.equal(code, 1);
    assert.match(stderr, /^CN=Old: trusted in trust domain a\.example without an end\n/);
    assert.match(stderr, /Stop trusting 1 CA certificate now\? \[y\/N\]/);
    assert.deepEqual([...one.releases, ...two.releases], []);

    const released = await run([...args, '--yes']);
    assert.equal(released.code, 0);
    assert.match(released.stderr, /^1 CA certificate released$/m);
    assert.deepEqual([one.releases.length, two.releases.length], [0, 1]);
  });

  test('release, one server refuses: says what the other released, and ends with the error', async (t) => {
    const [one, two] = [await playedServer(t, ['CN=Old'], 403), await playedServer(t, ['CN=Old'])];
    const args = ['identities', 'release', 'identity', '--yes', one.option, two.option];
    const { code, stderr } = await run(args);
    assert.equal(code, 1);
    assert.match(stderr, /^1 CA certificate released\nerror: \S+ answered: not from here$/m);
  });

  test('several servers: each with what it has read, and one that does not answer does not hide the others', async (t) => {
    const [one, two] = [await playedServer(t, []), await playedServer(t, ['CN=Old'])];
    const listed = await run(['identities', one.option, two.option]);
    assert.equal(listed.code, 0);
    assert.match(listed.stdout, /SUPERSEDED, UNTIL +SERVER$/m);
    assert.match(listed.stdout, /CN=Old +CN=Old +forever +http:/);
    assert.equal(listed.stdout.split('\n').length, 4);
    for (const servers of [
      ['--server=http://127.0.0.1:1', two.option],
      [two.option, '--server=http://127.0.0.1:1'],
    ]) {
      const { code, stdout, stderr } = await run(['identities', '-o', 'json', ...servers]);
      assert.equal(code, 3);
      const { identities } = JSON.parse(stdout) as { identities: readonly { readonly server: string }[] };
      assert.deepEqual(
        identities.map(({ server }) => `--server=${server}`),
        [two.option],
      );
      assert.match(stderr, /^error: .*does not answer/);
    }
  });

  test('a mesh without a MeshIdentity: the note names the mesh', async (t) => {
    const server = await playedServer(t, []);
    const { stderr } = await run(['identities', '--mesh=blue', server.option]);
    assert.equal(stderr, 'the server has no MeshIdentity of mesh blue\n');
  });

  test('a server that does not read them: says what to do', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), spire);
    await using server = await startMeshtrust({
      dirs: [dir.path],
      args: ['--guard-hold=0'],
      waitUntilReady: true,
    });
    const { code, stderr } = await run(['identities', `--server=http://127.0.0.1:${server.adminPort}`]);
    assert.equal(code, 1);
    assert.match(stderr, /start it with --identities/);
  });
});

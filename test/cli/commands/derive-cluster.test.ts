import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { makeCa } from '../../kit/certificates.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { bundled, identityText, inline } from '../../kit/mesh-identities.ts';
import { startFakeApiServer } from '../../inputs/kubernetes/fake-api-server.ts';
import type { Asked } from '../../inputs/kubernetes/fake-api-server.ts';
import { run } from '../run.ts';
import type { Outcome } from '../run.ts';
import { insecureKubeconfig } from '../../kit/kubeconfig.ts';

const a = makeCa({ commonName: 'A' });
const b = makeCa({ commonName: 'B' });

/** An object of the cluster, as items of a list are: without its kind. */
function object(name: string, body: object, labels = { 'kuma.io/mesh': 'payments' }): object {
  return { metadata: { name, namespace: 'kuma-system', labels }, ...body };
}

function identity(name: string, certificate: unknown, privateKey?: unknown): object {
  return object(name, {
    spec: bundled(certificate, { trustDomain: `${name}.{{ .Zone }}.example`, privateKey }),
  });
}

const generated = object('generated', {
  spec: {
    spiffeID: { trustDomain: 'generated.example' },
    provider: {
      type: 'Bundled',
      bundled: { insecureAllowSelfSigned: true, autogenerate: { enabled: true } },
    },
  },
});

const published = object('generated', {
  spec: { trustDomain: 'generated.example', caBundles: [{ type: 'Pem', pem: { value: b.certPem } }] },
});

const secretOf = (name: string, text: string): object =>
  object(name, { type: 'system.kuma.io/secret', data: { value: Buffer.from(text).toString('base64') } });

interface Ran extends Outcome {
  readonly requests: readonly Asked[];
}

/** Runs `derive --kubernetes` against an API server that answers each request with `answer`. */
async function derive(
  t: TestContext,
  args: readonly string[],
  answer: (asked: Asked) => void,
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const server = await startFakeApiServer(t);
  await using dir = await makeTempDir();
  await writeFile(dir.join('kubeconfig'), insecureKubeconfig(server.url, { token: 'secret-token' }));
  const requests: Asked[] = [];
  const done = run(['derive', '--kubernetes', `--kubeconfig=${dir.join('kubeconfig')}`, ...args], env);
  let outcome: Outcome | undefined;
  // One more request ends the loop below.
  const ended = done.then(async (result) => {
    outcome = result;
    await fetch(server.url);
  });
  for (;;) {
    const asked = await server.asked();
    if (outcome !== undefined) {
      asked.answer(200, {});
      break;
    }
    requests.push(asked);
    answer(asked);
  }
  await ended;
  return { ...outcome, requests };
}

/** Answers each list with the objects of its kind. */
function cluster(kinds: Readonly<Record<string, readonly object[]>>): (asked: Asked) => void {
  return ({ path, list }) => list(kinds[path.split('/').at(-1) ?? ''] ?? [], '1');
}

const namespaced = '/apis/kuma.io/v1alpha1/namespaces/kuma-system';

suite('meshtrust derive --kubernetes', () => {
  test('MeshIdentities of the namespace: their MeshTrusts, by lists alone', async (t) => {
    const { code, stdout, stderr, requests } = await derive(
      t,
      ['--zone=east'],
      cluster({ meshidentities: [identity('first', inline(a.certPem), inline(a.keyPem))] }),
    );
    assert.deepEqual([code, stderr.split('\n').at(-2)], [0, '1 MeshTrust of 1 MeshIdentity']);
    assert.match(stdout, /^ {2}trustDomain: first\.east\.example$/m);
    assert.match(stdout, /^ {4}kuma\.io\/mesh: payments$/m);
    assert.match(stdout, /kri: kri_mid_payments_east_kuma-system_first_/);
    assert.doesNotMatch(stdout + stderr, /PRIVATE KEY/);
    assert.deepEqual(
      requests.map(({ kind, method, path, authorization }) => [kind, method, path, authorization]),
      ['meshidentities', 'meshtrusts'].map((plural) => [
        'list',
        'GET',
        `${namespaced}/${plural}`,
        'Bearer secret-token',
      ]),
    );
  });

  test('several pages: all MeshIdentities', async (t) => {
    const { code, stdout } = await derive(t, ['--zone=east'], ({ path, query, list }) => {
      if (!path.endsWith('/meshidentities')) list([], '1');
      else if (query.get('continue') === null) list([identity('first', inline(a.certPem))], '1', 'more');
      else list([identity('second', inline(b.certPem))], '1');
    });
    assert.equal(code, 0);
    assert.deepEqual(stdout.match(/^ {2}trustDomain: .*$/gm), [
      '  trustDomain: first.east.example',
      '  trustDomain: second.east.example',
    ]);
  });

  test('page of large objects: all MeshIdentities', async (t) => {
    // As kubectl apply leaves behind: the whole object, again.
    const large = {
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'x'.repeat(1_400_000) },
    };
    const enlarge = (one: object): object => ({
      ...one,
      metadata: { ...(one as { readonly metadata: object }).metadata, ...large },
    });
    const names = ['first', 'second', 'third', 'fourth'];
    const { code, stderr } = await derive(
      t,
      ['--zone=east'],
      cluster({ meshidentities: names.map((name) => enlarge(identity(name, inline(a.certPem)))) }),
    );
    assert.deepEqual([code, stderr.split('\n').at(-2)], [0, '4 MeshTrusts of 4 MeshIdentities']);
  });

  test('--kube-all-namespaces: the objects of all namespaces', async (t) => {
    const { requests } = await derive(t, ['--kube-all-namespaces', '--zone=east'], cluster({}));
    assert.deepEqual(
      requests.map(({ path }) => path),
      ['/apis/kuma.io/v1alpha1/meshidentities', '/apis/kuma.io/v1alpha1/meshtrusts'],
    );
  });

  test('a generated CA: its MeshTrust in the cluster counts, and is not printed again', async (t) => {
    const alone = await derive(t, [], cluster({ meshidentities: [generated] }));
    assert.equal(alone.code, 1);
    assert.match(alone.stderr, /MT071/);
    const both = await derive(t, [], cluster({ meshidentities: [generated], meshtrusts: [published] }));
    assert.deepEqual([both.code, both.stdout, both.stderr], [0, '', '0 MeshTrusts of 1 MeshIdentity\n']);
  });

  test('--identity-secret: the named Secret is read by its name, and no other', async (t) => {
    const named = { type: 'Secret', secretRef: { kind: 'Secret', name: 'identity-ca' } };
    const kinds = {
      meshidentities: [identity('first', named)],
      secrets: [secretOf('identity-ca', a.certPem)],
    };
    const without = await derive(t, ['--zone=east'], cluster(kinds));
    assert.equal(without.code, 1);
    assert.match(without.stderr, /MT071/);
    assert.ok(without.requests.every(({ path }) => !path.endsWith('/secrets')));
    const { code, stdout, requests } = await derive(
      t,
      ['--zone=east', '--identity-secret=kuma-system/identity-ca'],
      cluster(kinds),
    );
    assert.equal(code, 0);
    assert.ok(stdout.includes(a.certPem.split('\n')[1] ?? assert.fail()));
    assert.deepEqual(
      requests
        .filter(({ path }) => path.endsWith('/secrets'))
        .map(({ path, query }) => [path, query.get('fieldSelector')]),
      [['/api/v1/namespaces/kuma-system/secrets', 'metadata.name=identity-ca']],
    );
  });

  test('a Secret with a private key: nothing of it is used or printed', async (t) => {
    const named = { type: 'Secret', secretRef: { kind: 'Secret', name: 'identity-ca' } };
    const { code, stdout, stderr } = await derive(
      t,
      ['--zone=east', '--identity-secret=kuma-system/identity-ca'],
      cluster({
        meshidentities: [identity('first', named)],
        secrets: [secretOf('identity-ca', a.certPem + a.keyPem)],
      }),
    );
    assert.deepEqual([code, stdout], [1, '']);
    assert.doesNotMatch(stderr, /PRIVATE KEY/);
  });

  const failures = [
    {
      title: 'no CRD',
      answer: ({ refuse }: Asked) => refuse(404),
      code: 1,
      message: /MeshIdentities cannot be listed: the API server has no meshidentities\.kuma\.io \(404\)/,
    },
    {
      title: 'no right to MeshIdentities',
      answer: ({ refuse }: Asked) => refuse(403),
      code: 1,
      message: /MeshIdentities cannot be listed: 403: status 403/,
    },
    {
      title: 'no right to MeshTrusts, without which a derivation may be wrong',
      answer: ({ path, list, refuse }: Asked) =>
        path.endsWith('/meshtrusts') ? refuse(403) : list([identity('first', inline(a.certPem))], '1'),
      code: 1,
      message: /MeshTrusts cannot be listed: 403/,
    },
    {
      title: 'no right to the named Secret',
      answer: ({ path, list, refuse }: Asked) =>
        path.endsWith('/secrets') ? refuse(403) : list([identity('first', inline(a.certPem))], '1'),
      code: 1,
      message: /Secret kuma-system\/ca cannot be listed: 403/,
    },
    {
      title: 'an answer that is not a list',
      answer: ({ text }: Asked) => text('<html>'),
      code: 1,
      message: /MeshIdentities cannot be listed: the API server sent an invalid list/,
    },
    {
      title: 'an object without a name',
      answer: ({ list }: Asked) => list([{ spec: {} }], '1'),
      code: 1,
      message: /MeshIdentities cannot be listed: an object has no name/,
    },
    {
      title: 'no connection',
      answer: ({ drop }: Asked) => drop(),
      code: 3,
      message: /the API server cannot be reached/,
    },
    {
      title: 'no MeshIdentity',
      answer: ({ list }: Asked) => list([], '1'),
      code: 1,
      message: /namespace kuma-system: no MeshIdentity found/,
    },
  ];
  for (const { title, answer, code, message } of failures)
    test(`${title}: says so, and prints nothing`, async (t) => {
      const outcome = await derive(t, ['--zone=east', '--identity-secret=kuma-system/ca'], answer);
      assert.deepEqual([outcome.code, outcome.stdout], [code, '']);
      assert.match(outcome.stderr, message);
    });

  test('files and --kubernetes, or neither: usage error', async () => {
    for (const args of [[], ['a.yaml', '--kubernetes'], ['a.yaml', '--identity-secret=a/b']])
      assert.equal((await run(['derive', ...args])).code, 2, args.join(' '));
  });

  test('files, and the variable for serve: the files are read', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), identityText({ spec: bundled(inline(a.certPem)) }));
    const { code, stderr } = await run(['derive', dir.path], { MESHTRUST_KUBERNETES: 'true' });
    assert.deepEqual([code, stderr], [0, '1 MeshTrust of 1 MeshIdentity\n']);
  });

  test('no kubeconfig: usage error', async () => {
    const { code, stderr } = await run(['derive', '--kubernetes', '--kubeconfig=/nowhere/kubeconfig']);
    assert.equal(code, 2);
    assert.match(stderr, /kubeconfig/);
  });
});

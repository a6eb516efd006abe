import assert from 'node:assert/strict';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { readManifests } from '../../kit/helm.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { TempDir } from '../../kit/temp-dir.ts';
import { makeDomain } from '../../kit/domain.ts';
import { makeOverlay, manifests } from './overlay.ts';
import { namespace, skip, startStage, meshTrust } from './stage.ts';

const invalid: readonly (readonly [what: string, spec: unknown, sentence: RegExp])[] = [
  ['no trust domain', { caBundles: [{ type: 'Pem', pem: { value: 'x' } }] }, /spec\.trustDomain: Required/],
  [
    'no authority',
    { trustDomain: 'a.test', caBundles: [] },
    /spec\.caBundles in body should have at least 1/,
  ],
  [
    'an upper case name',
    { trustDomain: 'A.test', caBundles: [{ type: 'Pem', pem: { value: 'x' } }] },
    /spec\.trustDomain: .*SPIFFE trust domain name/,
  ],
  [
    'the reserved name',
    { trustDomain: 'deny-all.invalid', caBundles: [{ type: 'Pem', pem: { value: 'x' } }] },
    /spec\.trustDomain: .*reserved/,
  ],
  ['a bundle without its PEM', { trustDomain: 'a.test', caBundles: [{ type: 'Pem' }] }, /pem is required/],
  [
    'another type',
    { trustDomain: 'a.test', caBundles: [{ type: 'Jwks', pem: { value: 'x' } }] },
    /supported values: "Pem"/,
  ],
];

test('manifests: are accepted by the API server', { skip }, async (t) => {
  await using stage = await startStage();

  await t.test('every object: no warning, in a namespace with the restricted standard', async () => {
    await stage.kubectl(`label namespace ${namespace} pod-security.kubernetes.io/warn=restricted`);
    const rendered = (await stage.cluster.kubectl(['kustomize', manifests])).stdout;
    assert.match(rendered, /kind: Deployment/);
    const options = ['--dry-run=server', '--validate=strict', '--warnings-as-errors'];
    const { stdout, stderr } = await stage.cluster.kubectl(
      ['create', ...options, '-f', '-'],
      renamed(rendered),
    );
    assert.equal(stderr, '');
    assert.equal(stdout.trim().split('\n').length, rendered.split('\n---\n').length);
  });

  await t.test('component existing-namespace: only the namespace is left out', async () => {
    await using overlay = await makeOverlay('existing-namespace');
    const kindsOf = async (path: string): Promise<readonly string[]> =>
      readManifests((await stage.cluster.kubectl(['kustomize', path])).stdout).map(({ kind }) => kind);
    const all = await kindsOf(manifests);
    assert.equal(all[0], 'Namespace');
    assert.deepEqual(await kindsOf(overlay.path), all.slice(1));
  });

  await t.test(
    'the overlay of docs/kubernetes.md: can be applied where its namespace does not exist',
    async () => {
      // The stage has the namespace of the manifests.
      await using overlay = await overlayOfPage((block) => `${block}namespace: fresh-system\n`);
      const { stdout } = await stage.cluster.kubectl(['apply', '-k', overlay.path]);
      assert.match(stdout, /^namespace\/fresh-system created$/m);
      assert.match(stdout, /^deployment\.apps\/meshtrust created$/m);
      const image = 'jsonpath={.spec.template.spec.containers[0].image}';
      assert.equal(
        await stage.kubectl(`get deployment/meshtrust --namespace fresh-system -o ${image}`),
        'registry.example/meshtrust:0.1.0',
      );
    },
  );

  await t.test(
    'the overlay of docs/kubernetes.md with its components: has the webhook, and no namespace',
    async () => {
      await using overlay = await overlayOfPage((block) =>
        block.replaceAll(/^# (?=components:| {2}- )/gm, ''),
      );
      const kinds = readManifests((await stage.cluster.kubectl(['kustomize', overlay.path])).stdout).map(
        ({ kind }) => kind,
      );
      assert.ok(
        kinds.includes('ValidatingWebhookConfiguration') && !kinds.includes('Namespace'),
        kinds.join(),
      );
    },
  );

  await t.test(
    'component bundle-endpoint: is accepted beside the webhook, with its port and its Secret',
    async () => {
      await using overlay = await makeOverlay('bundle-endpoint', 'webhook', 'federation');
      const rendered = (await stage.cluster.kubectl(['kustomize', overlay.path])).stdout;
      const options = ['--dry-run=server', '--validate=strict', '--warnings-as-errors'];
      await stage.cluster.kubectl(['create', ...options, '-f', '-'], renamed(rendered));
      const text = (kind: string): string =>
        JSON.stringify(readManifests(rendered).filter((object) => object.kind === kind));
      assert.match(text('NetworkPolicy'), /"port":"bundle"/);
      assert.match(text('Service'), /"targetPort":"bundle"/);
      assert.match(text('Deployment'), /"secretName":"meshtrust-bundle-tls"/);
      assert.match(text('Deployment'), /"mountPath":"\/bundle-tls"/);
    },
  );

  await t.test(
    'component tokens: is accepted beside the others, with TLS and the right to review',
    async () => {
      await using overlay = await makeOverlay('tokens', 'bundle-endpoint');
      const rendered = (await stage.cluster.kubectl(['kustomize', overlay.path])).stdout;
      const options = ['--dry-run=server', '--validate=strict', '--warnings-as-errors'];
      await stage.cluster.kubectl(['create', ...options, '-f', '-'], renamed(rendered));
      const text = (kind: string): string =>
        JSON.stringify(readManifests(rendered).filter((object) => object.kind === kind));
      assert.match(text('Deployment'), /"--xds-auth=token"/);
      assert.doesNotMatch(text('Deployment'), /--xds-auth=none/);
      assert.match(text('Deployment'), /"mountPath":"\/tls"/);
      assert.match(text('ClusterRole'), /"resources":\["tokenreviews"\],"verbs":\["create"\]/);
    },
  );

  await t.test('without an overlay: no container runtime accepts the name of the image', async () => {
    const rendered = (await stage.cluster.kubectl(['kustomize', manifests])).stdout;
    const [, image = ''] = /^ +image: (.*)$/m.exec(rendered) ?? [];
    assert.equal(image, 'NAME-YOUR-IMAGE');
    // The grammar of image names has no upper case before the tag.
    assert.doesNotMatch(image, /^[a-z0-9]+(?:[._-][a-z0-9]+)*(?:[/:].*)?$/);
  });

  await t.test(
    'service account: may read MeshTrusts and write their status, in its namespace only',
    async () => {
      const may = async (verb: string, resource: string, where = namespace): Promise<boolean> =>
        stage.cluster
          .kubectl([
            'auth',
            'can-i',
            verb,
            ...resource.split(' '),
            `--namespace=${where}`,
            `--as=system:serviceaccount:${namespace}:meshtrust`,
          ])
          .then(
            () => true,
            () => false,
          );
      const leases = 'leases.coordination.k8s.io';
      const granted = [
        ...['list', 'watch'].map((verb) => [verb, 'meshtrusts.kuma.io'] as const),
        ['patch', 'meshtrusts.kuma.io --subresource=status'],
        ['create', 'events.events.k8s.io'],
        ['create', leases],
        ['get', `${leases}/meshtrust`],
        ...['meshtrust', 'meshtrust-replicas'].map((name) => ['patch', `${leases}/${name}`] as const),
      ] as const;
      for (const [verb, resource] of granted) assert.ok(await may(verb, resource), `${verb} ${resource}`);
      for (const verb of ['create', 'update', 'patch', 'delete'])
        assert.ok(!(await may(verb, 'meshtrusts.kuma.io')), verb);
      for (const verb of ['get', 'list', 'update', 'patch', 'delete'])
        assert.ok(!(await may(verb, `${leases}/kuma-cp-leader`)), verb);
      assert.ok(!(await may('list', 'secrets')));
      assert.ok(!(await may('list', 'meshtrusts.kuma.io', 'default')));
    },
  );

  for (const [what, spec, sentence] of invalid) {
    await t.test(`CRD: rejects ${what}`, async () => {
      const object = JSON.stringify({ ...(JSON.parse(meshTrust(makeDomain('a.test'))) as object), spec });
      await assert.rejects(stage.kubectl('apply -f -', object), sentence);
    });
  }

  await t.test('kubectl get: prints the trust domain', async () => {
    await stage.kubectl('apply -f -', meshTrust(makeDomain('printed.test')));
    const [heading = '', line = ''] = (await stage.kubectl('get mtrust')).split('\n');
    assert.match(heading, /^NAME +TRUST DOMAIN +CAS +EXPIRES +ACCEPTED +PROGRAMMED +AGE\n?$/);
    assert.match(line, /^printed\.test +printed\.test /);
    assert.match(await stage.kubectl('get kuma'), /printed\.test/);
  });
});

/** Returns the same objects with other names, because those of the stage exist already. */
function renamed(manifests: string): string {
  return manifests.replaceAll(/^ {2}name: (meshtrust|meshtrust-leases|kuma-system)$/gm, '  name: $1-again');
}

/** Writes the overlay of docs/kubernetes.md beside a link to this checkout, as the page says. */
async function overlayOfPage(change: (block: string) => string): Promise<TempDir> {
  const root = new URL('../../../', import.meta.url);
  const page = await readFile(new URL('docs/kubernetes.md', root), 'utf8');
  const [block = ''] = /(?<=^```yaml\n)[\s\S]*?(?=^```$)/m.exec(page) ?? [];
  const overlay = await makeTempDir();
  await symlink(root.pathname, overlay.join('meshtrust'));
  await writeFile(overlay.join('kustomization.yaml'), change(block));
  return overlay;
}

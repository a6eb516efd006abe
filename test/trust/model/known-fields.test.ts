import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseFile } from '../../../src/trust/model/parse-file.ts';
import { createAnchorReader } from '../../../src/trust/x509/anchor-reader.ts';
import { makeCa } from '../../kit/certificates.ts';

const reader = createAnchorReader();
const spec = {
  trustDomain: 'a.test',
  caBundles: [{ type: 'Pem', pem: { value: makeCa().certPem } }],
};
const kubernetes = { apiVersion: 'kuma.io/v1alpha1', kind: 'MeshTrust', metadata: { name: 'a' }, spec };
const universal = { type: 'MeshTrust', name: 'a', spec };
const labels = { 'kuma.io/mesh': 'payments' };

/** Returns the mesh of each resource, followed by its remarks as `CODE path: sentence`. */
function read(body: unknown): readonly string[] {
  const parsed = parseFile('t.yaml', JSON.stringify(body), { defaultMesh: 'default', reader });
  assert.ok(parsed.kind === 'documents', JSON.stringify(parsed));
  return parsed.documents.flatMap((document) => {
    assert.ok(document.kind === 'mesh-trust', JSON.stringify(document));
    const remarks = document.remarks.map(({ code, path, message }) => `${code} ${path}: ${message}`);
    return [document.resource.mesh, ...remarks];
  });
}

suite('unknownFields › mesh in the wrong place', () => {
  const table: Readonly<Record<string, readonly [body: object, remark: RegExp]>> = {
    'mehs in the Universal form': [
      { ...universal, mehs: 'payments' },
      /^MT050 mehs: mehs is not a field of a MeshTrust with a type;/,
    ],
    'Mesh in the Universal form': [{ ...universal, Mesh: 'payments' }, /^MT050 Mesh: Mesh is not a field/],
    'a label in the Universal form': [
      { ...universal, labels },
      /^MT050 labels\["kuma.io\/mesh"\]: the mesh of a resource with a type is its field mesh, not a label;/,
    ],
    'a label in the Universal form that is not the mesh': [
      { ...universal, mesh: 'default', labels },
      /^MT050 labels\["kuma.io\/mesh"\]: the mesh of a resource with a type is its field mesh/,
    ],
    'metadata in the Universal form': [
      { ...universal, metadata: { labels } },
      /^MT050 metadata: metadata is not a field of a MeshTrust with a type;/,
    ],
    'a misspelt label in the Universal form': [
      { ...universal, labels: { 'kuma.io/mseh': 'payments' } },
      /^MT050 labels\["kuma.io\/mseh"\]: the label is not a label of Kuma;/,
    ],
    'mesh in the Kubernetes form': [
      { ...kubernetes, mesh: 'payments' },
      /^MT050 mesh: the mesh of a resource with a kind is its label kuma.io\/mesh, not a field;/,
    ],
    'mesh in the metadata': [
      { ...kubernetes, metadata: { name: 'a', mesh: 'payments' } },
      /^MT050 metadata.mesh: the mesh of a resource with a kind is its label kuma.io\/mesh/,
    ],
    'metadata.label': [
      { ...kubernetes, metadata: { name: 'a', label: labels } },
      /^MT050 metadata.label: metadata.label is not a field of a MeshTrust with a kind;/,
    ],
    'labels beside the metadata': [
      { ...kubernetes, labels },
      /^MT050 labels: labels is not a field of a MeshTrust with a kind;/,
    ],
  };
  for (const [what, [body, expected]] of Object.entries(table))
    test(`${what} → a warning that names the mesh in use`, () => {
      const [mesh, ...remarks] = read(body);
      assert.deepEqual([mesh, remarks.length], ['default', 1], remarks.join('\n'));
      assert.match(remarks[0] ?? '', expected);
      assert.match(remarks[0] ?? '', /; it has no effect, and the resource is in mesh default$/);
    });

  test('item of a list → a warning with the path of the item', () => {
    const [, remark] = read({ kind: 'List', items: [{ ...universal, mehs: 'payments' }] });
    assert.match(remark ?? '', /^MT050 items\[0\].mehs: /);
  });
});

suite('unknownFields › output of other programs', () => {
  test('kubectl get -o yaml → no warning', () => {
    const metadata = {
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
      creationTimestamp: '2026-01-01T00:00:00Z',
      deletionGracePeriodSeconds: 0,
      deletionTimestamp: '2026-01-01T00:00:00Z',
      finalizers: [],
      generateName: 'a-',
      generation: 2,
      labels,
      managedFields: [],
      name: 'a',
      namespace: 'kuma-system',
      ownerReferences: [],
      resourceVersion: '1',
      selfLink: '/apis/kuma.io/v1alpha1/namespaces/kuma-system/meshtrusts/a',
      uid: '0e2a1f3c-0000-0000-0000-000000000000',
    };
    const status = { origin: { kri: 'kri_mtrust_a' }, conditions: [] };
    const list = { apiVersion: 'v1', kind: 'List', items: [{ ...kubernetes, metadata, status }] };
    assert.deepEqual(read(list), ['payments']);
  });

  test("Kuma's REST API → no warning", () => {
    const resource = {
      ...universal,
      mesh: 'payments',
      creationTime: '2026-01-01T00:00:00Z',
      modificationTime: '2026-01-01T00:00:00Z',
      labels: { ...labels, 'kuma.io/display-name': 'a', 'kuma.io/origin': 'global' },
      kri: 'kri_mtrust_payments___a_',
      status: { origin: { kri: 'kri_mid_a' } },
    };
    assert.deepEqual(read({ total: 1, items: [resource], next: null }), ['payments']);
  });
});

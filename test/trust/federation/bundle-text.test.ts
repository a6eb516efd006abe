import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundleText, limitProblem } from '../../../src/trust/federation/bundle-text.ts';
import { createLedger } from '../../../src/trust/ledger/ledger.ts';
import { parseFile } from '../../../src/trust/model/parse-file.ts';
import type { BundleDocument } from '../../../src/trust/model/bundle-document.ts';
import { createAnchorReader } from '../../../src/trust/x509/anchor-reader.ts';
import { bundleDocument, bundleKey } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';
import { makeRelationship, peerDomain, readDocument } from '../../kit/federation.ts';

const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
const reader = createAnchorReader();
const path = 'federation:default/spire.test';

/** Returns the common names in force, and the codes of the findings, after these documents. */
function afterDocuments(...documents: readonly unknown[]) {
  return afterBundles(...documents.map(readDocument));
}

function afterBundles(...bundles: readonly Pick<BundleDocument, 'certificates'>[]) {
  const ledger = createLedger(['federation'], { holdMs: 0 });
  for (const bundle of bundles) {
    const text = bundleText(makeRelationship(), bundle);
    const parsed = parseFile(path, text, { defaultMesh: 'other', reader });
    ledger.apply('federation', [{ kind: 'version', path, parsed, settled: true }], 0);
  }
  const { holdings, findings } = ledger.view();
  const shares = holdings.get('default')?.get(peerDomain) ?? [];
  return {
    names: shares.flatMap(({ anchors }) => anchors.map(({ certificate }) => certificate.subject)).sort(),
    codes: findings.map(({ code }) => code).sort(),
  };
}

test('bundle: is a MeshTrust of its mesh and trust domain', () => {
  assert.deepEqual(afterDocuments(bundleDocument([a, b])), { names: ['CN=A', 'CN=B'], codes: [] });
});

test('key that contradicts its certificate: takes away nothing that it may have been', () => {
  const damaged = { ...bundleKey(b), x5c: [Buffer.from(a.der).toString('base64')] };
  const { names, codes } = afterDocuments(bundleDocument([a, b]), { keys: [damaged, bundleKey(b)] });
  assert.deepEqual(names, ['CN=A', 'CN=B']);
  assert.ok(codes.includes('MT041'), codes.join());
});

test('bundle with damaged keys alone: the last good one stays', () => {
  const damaged = { certificates: [{ kind: 'damaged', key: 0 }] } as const;
  const { names, codes } = afterBundles(readDocument(bundleDocument([a])), damaged);
  assert.deepEqual(names, ['CN=A']);
  assert.ok(codes.includes('MT040'), codes.join());
});

test('certificate that is no CA: is refused as in a MeshTrust', () => {
  const leaf = makeCa({ commonName: 'Leaf', basicConstraints: { kind: 'end-entity' } });
  const { names, codes } = afterDocuments(bundleDocument([a, leaf]));
  assert.deepEqual([names, codes], [['CN=A'], ['MT015']]);
});

test('limits: a bundle has a problem exactly if the parser refuses its MeshTrust', () => {
  const bundle = readDocument(bundleDocument([a, b]));
  const { length } = bundleText(makeRelationship(), bundle);
  const cases = [
    [2, length, undefined],
    [1, length, 'has 2 keys for X.509-SVIDs, more than the limit of 1 (--max-certificates)'],
    [2, length - 1, `gives a MeshTrust of more than ${length - 1} characters (--max-document-bytes)`],
  ] as const;
  for (const [certificatesPerResource, documentLength, problem] of cases) {
    const limits = { certificatesPerResource, documentLength };
    assert.equal(limitProblem(makeRelationship(), bundle, limits), problem);
    const parsed = parseFile(path, bundleText(makeRelationship(), bundle), {
      defaultMesh: 'default',
      reader,
      limits,
    });
    const isUsed = parsed.kind === 'documents' && parsed.documents.every(({ kind }) => kind === 'mesh-trust');
    assert.equal(isUsed, problem === undefined);
  }
});

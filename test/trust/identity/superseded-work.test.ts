import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createIdentityStage } from '../../../src/trust/identity/identity-stage.ts';
import { SupersededCas } from '../../../src/trust/identity/superseded.ts';
import type { LedgerEvent } from '../../../src/trust/ledger/ledger.ts';
import { defaultLimits } from '../../../src/trust/model/limits.ts';
import { identityOf } from '../../../src/trust/model/mesh-trust.ts';
import type { MeshTrust } from '../../../src/trust/model/mesh-trust.ts';
import { parseFile } from '../../../src/trust/model/parse-file.ts';
import { createAnchorReader } from '../../../src/trust/x509/anchor-reader.ts';
import { makeCa } from '../../kit/certificates.ts';
import { bundled, identityText, inline } from '../../kit/mesh-identities.ts';

const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];

/**
 * Replaces the CA of many MeshIdentities, then changes one of them. Returns how often the stage reads a fingerprint for
 * this last change.
 */
function readsOfOneChange(count: number): number {
  // One object for each certificate, which the cache of the reader shares.
  const reader = createAnchorReader();
  let reads = 0;
  for (const block of [a, b].flatMap(({ certPem }) => reader.read(certPem))) {
    assert.equal(block.kind, 'anchor');
    const { certificate } = block;
    const { fingerprint } = certificate;
    Object.defineProperty(certificate, 'fingerprint', {
      get() {
        reads += 1;
        return fingerprint;
      },
    });
  }
  const version = (index: number, pem: string): LedgerEvent => {
    const spec = bundled(inline(pem), { trustDomain: `d${index}.example` });
    const path = `i${index}.yaml`;
    const text = identityText({ name: `i${index}`, spec });
    const parsed = parseFile(path, text, { defaultMesh: 'default', reader, identities: true });
    return { kind: 'version', path, settled: true, parsed };
  };
  const stage = createIdentityStage({
    zone: undefined,
    zones: [],
    linger: { kind: 'leaves' },
    limits: defaultLimits,
  });
  for (const { certPem } of [a, b])
    stage.apply(
      'files',
      Array.from({ length: count }, (_, index) => version(index, certPem)),
      1000,
    );
  assert.equal(stage.view().filter(({ superseded }) => superseded.length === 1).length, count);
  reads = 0;
  stage.apply('files', [version(0, a.certPem)], 2000);
  assert.deepEqual(
    stage.view()[0]?.superseded.map(({ anchor }) => anchor.certificate.subject),
    ['CN=B'],
  );
  return reads;
}

test('one change while many MeshIdentities have superseded CAs: takes work in proportion to their number', () => {
  const [few, many] = [readsOfOneChange(20), readsOfOneChange(200)];
  assert.ok(few > 0);
  assert.ok(many <= 11 * few, `${few} reads with 20 MeshIdentities, ${many} with 200`);
});

test('hundreds of thousands of superseded CA certificates: the next end is found', () => {
  const [anchor] = createAnchorReader().read(a.certPem);
  assert.ok(anchor?.kind === 'anchor');
  const blocks = Array.from({ length: 300_000 }, (_, index) => ({
    ...anchor,
    certificate: { ...anchor.certificate, fingerprint: `${index}` },
  }));
  const superseded = new SupersededCas({ kind: 'fixed', ms: 1000 });
  const resource = { trustDomain: 'd.example', blocks } as unknown as MeshTrust;
  const given = { resources: [resource], lifetimes: new Map<string, number>() };
  superseded.add(identityOf('default', '', 'i'), given, new Set(), 1000);
  assert.equal(superseded.nextEnd(), 2000);
});

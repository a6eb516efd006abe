import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';

import {
  longName,
  makeCa,
  makeCrlPem,
  makeIntermediate,
  makeKey,
  makeLeaf,
  makeSelfSignedLeaf,
} from './certificates.ts';
import type { Certificate, KeyType } from './certificates.ts';

const read = ({ certPem }: Pick<Certificate, 'certPem'>) => new X509Certificate(certPem);

for (const keyType of ['ec-p256', 'ec-p384', 'rsa-2048'] satisfies KeyType[]) {
  test(`makeCa, makeIntermediate, makeLeaf: a chain of ${keyType} verifies link by link`, () => {
    const ca = makeCa({ keyType });
    const intermediate = makeIntermediate(ca, { keyType });
    const leaf = makeLeaf(intermediate, { keyType, spiffeId: 'spiffe://a.test/x' });
    const [top, middle, bottom] = [read(ca), read(intermediate), read(leaf)];
    assert.deepEqual([top.ca, middle.ca, bottom.ca], [true, true, false]);
    assert.ok(top.verify(top.publicKey));
    assert.ok(middle.verify(top.publicKey) && middle.checkIssued(top));
    assert.ok(bottom.verify(middle.publicKey) && bottom.checkIssued(middle));
    assert.ok(bottom.checkPrivateKey(leaf.privateKey));
    assert.equal(bottom.subjectAltName, 'URI:spiffe://a.test/x');
  });
}

test('makeCa with dates: the certificate has them, to the second', () => {
  const notBefore = new Date('1999-12-31T23:59:59Z');
  const notAfter = new Date('2050-01-01T00:00:00Z');
  const certificate = read(makeCa({ notBefore, notAfter }));
  assert.deepEqual([certificate.validFromDate, certificate.validToDate], [notBefore, notAfter]);
});

test('makeCa without a CA property, or with a contrary one: not a CA', () => {
  const cas = [
    makeCa({ basicConstraints: { kind: 'end-entity' } }),
    makeCa({ basicConstraints: undefined }),
    makeCa({ keyUsage: ['digitalSignature'] }),
    makeCa({ version: 1 }),
    makeSelfSignedLeaf(),
  ];
  assert.deepEqual(
    cas.map((ca) => read(ca).ca),
    [false, false, false, false, false],
  );
  assert.ok(cas.map(read).every((certificate) => certificate.verify(certificate.publicKey)));
});

test('renewed CA: the same name and key; namesake: only the same name', () => {
  const key = makeKey();
  const [old, renewed, namesake] = [makeCa({ key }), makeCa({ key }), makeCa()].map(read);
  assert.ok(old !== undefined && renewed !== undefined && namesake !== undefined);
  assert.deepEqual([renewed.subject, namesake.subject], [old.subject, old.subject]);
  assert.notEqual(renewed.fingerprint256, old.fingerprint256);
  assert.ok(renewed.verify(old.publicKey));
  assert.ok(!namesake.verify(old.publicKey));
});

test('cross-certificate: the name and key of one CA and the signature of another', () => {
  const [one, other] = [makeCa({ commonName: 'One' }), makeCa({ commonName: 'Other' })];
  const cross = read(makeIntermediate(other, { key: one, subject: one.name }));
  assert.deepEqual([cross.subject, cross.issuer], ['CN=One', 'CN=Other']);
  assert.ok(cross.verify(other.publicKey));
  assert.ok(cross.publicKey.equals(one.publicKey));
});

test('longName: the name has about the given length', () => {
  const plain = makeCa({ subject: [['CN', 'x']], authorityKeyId: undefined }).der.length;
  const long = makeCa({ subject: longName(4000, 'x'), authorityKeyId: undefined }).der.length;
  // Subject and issuer both have the name.
  assert.ok(Math.abs((long - plain) / 2 - 4000) < 200, `${(long - plain) / 2} bytes`);
});

test('makeCrlPem: PEM with the label X509 CRL', () => {
  assert.match(makeCrlPem(makeCa(), [5n]), /^-----BEGIN X509 CRL-----\n[\w+/=\n]+-----END X509 CRL-----\n$/);
});

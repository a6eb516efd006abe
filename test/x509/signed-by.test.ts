import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Certificate } from '../../src/x509/certificate.ts';
import { readCertificate } from '../../src/x509/read-certificate.ts';
import { signedBy } from '../../src/x509/signed-by.ts';
import { bitString } from '../kit/der.ts';
import { buildCertificate, nameOf, otherKeys, spki } from './build-certificate.ts';
import type { CertificateFields } from './build-certificate.ts';

function caOf(fields: Partial<CertificateFields>): Certificate {
  const reading = readCertificate(buildCertificate(fields));
  assert.equal(reading.kind, 'ca', reading.kind === 'refused' ? reading.reason : '');
  return reading.certificate;
}

const root = caOf({});
const child: Partial<CertificateFields> = {
  issuer: nameOf('Test CA'),
  subject: nameOf('Child'),
  publicKey: spki(otherKeys.publicKey),
};

test('a child is signed by the CA whose name it has as issuer and whose key verifies it', () => {
  assert.ok(signedBy(caOf(child), root));
});

test('a root is signed by itself', () => {
  assert.ok(signedBy(root, root));
});

test('the right key under another name is not the signer', () => {
  assert.equal(signedBy(caOf({ ...child, issuer: nameOf('test ca') }), root), false);
});

test('the right name with another key is not the signer', () => {
  assert.equal(signedBy(caOf({ ...child, signingKey: otherKeys.privateKey }), root), false);
});

test('a signature that is no signature is not verified, and does not throw', () => {
  assert.equal(signedBy(caOf({ ...child, signature: bitString(Buffer.from([1])) }), root), false);
});

test('the verdict is remembered for the pair, not for the child alone', () => {
  const one = caOf(child);
  const sameName = caOf({ publicKey: spki(otherKeys.publicKey), signingKey: otherKeys.privateKey });
  assert.deepEqual([signedBy(one, root), signedBy(one, sameName), signedBy(one, root)], [true, false, true]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Certificate } from '../../../src/trust/x509/certificate.ts';
import { readCertificate } from '../../../src/trust/x509/read-certificate.ts';
import { signedBy } from '../../../src/trust/x509/signed-by.ts';
import {
  bitString,
  contextConstructed,
  contextPrimitive,
  printableString,
  sequence,
  tlv,
  utf8String,
} from '../../kit/der.ts';
import {
  basicConstraintsCa,
  buildCertificate,
  extension,
  nameOf,
  otherKeys,
  spki,
} from './build-certificate.ts';
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

test('CA with the issuer name, whose key verifies the signature → signer', () => {
  assert.ok(signedBy(caOf(child), root));
});

test('root → signer of itself', () => {
  assert.ok(signedBy(root, root));
});

test('CA with the key and another name → not the signer', () => {
  assert.equal(signedBy(caOf({ ...child, issuer: nameOf('Test CB') }), root), false);
});

test('issuer name with another string type, case or blanks → signer, as in Envoy', () => {
  for (const name of [printableString('Test CA'), utf8String('test ca'), utf8String(' Test  CA ')]) {
    assert.ok(signedBy(caOf({ ...child, issuer: nameOf(name) }), root));
  }
});

test('issuer name with other non-ASCII case or a value that is not text → not the signer, as in Envoy', () => {
  const upper = caOf({ issuer: nameOf('É'), subject: nameOf('É') });
  assert.equal(signedBy(caOf({ ...child, issuer: nameOf('é') }), upper), false);
  const numeric = caOf({
    issuer: nameOf(tlv(0x12, Buffer.from('1'))),
    subject: nameOf(tlv(0x12, Buffer.from('1'))),
  });
  assert.equal(signedBy(caOf({ ...child, issuer: nameOf('1') }), numeric), false);
});

test('CA with the name and another key → not the signer', () => {
  assert.equal(signedBy(caOf({ ...child, signingKey: otherKeys.privateKey }), root), false);
});

test('CA with the name and key but another key identifier → not the signer: Envoy builds no chain', () => {
  const foreign = extension('2.5.29.35', sequence(contextPrimitive(0, Buffer.alloc(20, 8))));
  assert.equal(signedBy(caOf({ ...child, extensions: [basicConstraintsCa, foreign] }), root), false);
});

test('authority key identifier by issuer and serial → matches only the certificate with both', () => {
  const authority = (serial: number, issuer = nameOf('Test CA')): Buffer =>
    extension(
      '2.5.29.35',
      sequence(
        contextConstructed(1, contextConstructed(4, issuer)),
        contextPrimitive(2, Buffer.from([0x12, serial])),
      ),
    );
  const under = (serial: number): boolean =>
    signedBy(caOf({ ...child, extensions: [basicConstraintsCa, authority(serial)] }), root);
  assert.deepEqual([under(0x34), under(0x35)], [true, false]);
  const otherEncoding = authority(0x34, nameOf(printableString('TEST CA')));
  assert.ok(signedBy(caOf({ ...child, extensions: [basicConstraintsCa, otherEncoding] }), root));
});

test('malformed signature → not verified, without an exception', () => {
  assert.equal(signedBy(caOf({ ...child, signature: bitString(Buffer.from([1])) }), root), false);
});

test('result: cached for the pair, not only for the child', () => {
  const one = caOf(child);
  const sameName = caOf({ publicKey: spki(otherKeys.publicKey), signingKey: otherKeys.privateKey });
  assert.deepEqual([signedBy(one, root), signedBy(one, sameName), signedBy(one, root)], [true, false, true]);
});

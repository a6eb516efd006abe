import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { walkCertificate } from '../../../src/trust/x509/certificate-walk.ts';
import type { Certificate } from '../../../src/trust/x509/certificate.ts';
import { readCertificate } from '../../../src/trust/x509/read-certificate.ts';
import { reroot } from '../../../src/trust/x509/reroot.ts';
import { contextPrimitive, sequence } from '../../kit/der.ts';
import {
  authorityKeyId,
  basicConstraintsCa,
  buildCertificate,
  ecKeys,
  extension,
  keyUsageCa,
  nameOf,
  subjectKeyId,
} from './build-certificate.ts';

function caOf(der: Uint8Array): Certificate {
  const reading = readCertificate(der);
  assert.equal(reading.kind, 'ca', reading.kind === 'refused' ? reading.reason : '');
  return reading.certificate;
}

const issuer = nameOf('Root');
const subject = nameOf('Intermediate');

test('intermediate → self-issued, and otherwise the same except for the authority key identifier', () => {
  const der = buildCertificate({ issuer, subject });
  const expected = buildCertificate({
    issuer: subject,
    subject,
    extensions: [subjectKeyId, basicConstraintsCa, keyUsageCa],
    signature: der.subarray(walkCertificate(der).outerAlgorithm.end),
  });
  assert.deepEqual(Buffer.from(reroot(caOf(der))), expected);
});

test('only extension is the authority key identifier → no extensions field', () => {
  const rerooted = reroot(caOf(buildCertificate({ extensions: [authorityKeyId] })));
  assert.equal(walkCertificate(rerooted).extensionsField, undefined);
});

test('self-issued certificate of version 1 → unchanged', () => {
  const der = buildCertificate({ version: undefined, extensions: undefined });
  assert.deepEqual(Buffer.from(reroot(caOf(der))), der);
});

test('self-issued certificate with another authority key → ends a chain once re-rooted', () => {
  const foreign = extension('2.5.29.35', sequence(contextPrimitive(0, Buffer.alloc(20, 8))));
  const before = caOf(buildCertificate({ extensions: [subjectKeyId, foreign, basicConstraintsCa] }));
  const after = caOf(reroot(before));
  assert.equal(before.selfSigned, false);
  assert.equal(after.authorityKeyId, undefined);
  assert.ok(after.selfIssued);
});

test('re-rooted certificate → unchanged', () => {
  const once = reroot(caOf(buildCertificate({ issuer, subject })));
  assert.deepEqual(reroot(caOf(once)), once);
});

test('any CA → a CA with the same key, subject, serial, dates and other extensions', () => {
  const name = fc
    .string({ unit: 'grapheme', maxLength: 200 })
    .filter((text) => !/\p{Noncharacter_Code_Point}/u.test(text))
    .map((text) => nameOf(text));
  const others = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 });
  fc.assert(
    fc.property(name, name, others, fc.boolean(), fc.boolean(), (from, to, values, uniqueId, identified) => {
      const kept = values.map((value, index) => extension(`1.2.3.${index}`, value, index % 2 === 0));
      const der = buildCertificate({
        issuer: from,
        subject: to,
        uniqueIds: uniqueId ? contextPrimitive(2, Buffer.from([0, 5])) : Buffer.alloc(0),
        extensions: [basicConstraintsCa, ...(identified ? [authorityKeyId] : []), ...kept],
      });
      const before = caOf(der);
      const after = caOf(reroot(before));
      assert.ok(after.selfIssued);
      assert.deepEqual(after.issuerDer, before.subjectDer);
      assert.deepEqual(after.subjectDer, before.subjectDer);
      assert.equal(after.keyHash, before.keyHash);
      assert.equal(after.serial, before.serial);
      assert.equal(after.notBefore, before.notBefore);
      assert.equal(after.notAfter, before.notAfter);
      assert.equal(after.authorityKeyId, undefined);
      const bytes = Buffer.from(after.der);
      assert.ok(kept.every((one) => bytes.includes(one)));
      assert.ok(new X509Certificate(bytes).publicKey.equals(ecKeys.publicKey));
    }),
    { numRuns: 200 },
  );
});

import assert from 'node:assert/strict';
import { X509Certificate, createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { denyAllModule, hashToPoint, makeDenyAllCa } from '../../../scripts/make-deny-all-ca.ts';
import { denyAllCa } from '../../../src/trust/secret/deny-all-ca.ts';

const certificate = new X509Certificate(denyAllCa.pem);

test('committed module: equals the output of the generator', async () => {
  const committed = await readFile(
    new URL('../../../src/trust/secret/deny-all-ca.ts', import.meta.url),
    'utf8',
  );
  assert.equal(committed, denyAllModule());
});

test('generator: makes the same certificate each time', () => {
  assert.deepEqual(makeDenyAllCa(), makeDenyAllCa());
  assert.deepEqual(certificate.raw, makeDenyAllCa());
  assert.equal(createHash('sha256').update(certificate.raw).digest('hex'), denyAllCa.fingerprint);
});

test('public key: the hash of a public label, so no private key is known', () => {
  // The label is repeated here, not imported from the generator: it is the claim that others can check.
  const label = 'meshtrust deny-all certificate authority';
  const { counter, y } = hashToPoint(label);
  const suffix = Buffer.from([0, 0, 0, counter]);
  const x = createHash('sha256').update(label).update(suffix).digest();
  const jwk = certificate.publicKey.export({ format: 'jwk' });
  assert.deepEqual({ crv: jwk['crv'], x: jwk['x'] }, { crv: 'P-256', x: x.toString('base64url') });
  assert.equal(y % 2n, 0n);
});

test('public key: the point is on the curve', () => {
  const p = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
  const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
  const jwk = certificate.publicKey.export({ format: 'jwk' });
  const [x, y] = [jwk.x, jwk.y].map((part) => {
    assert.ok(part !== undefined);
    return BigInt(`0x${Buffer.from(part, 'base64url').toString('hex')}`);
  }) as [bigint, bigint];
  assert.equal((y * y) % p, (x ** 3n - 3n * x + b) % p);
});

test('certificate: a CA that is valid from 1970 to 9999', () => {
  assert.equal(certificate.ca, true);
  assert.equal(certificate.subject, certificate.issuer);
  assert.equal(certificate.validFromDate.toISOString(), '1970-01-01T00:00:00.000Z');
  assert.equal(certificate.validToDate.toISOString(), '9999-12-31T23:59:59.000Z');
});

test('signature: does not verify, since no private key exists', () => {
  assert.equal(certificate.verify(certificate.publicKey), false);
});

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { listedIssuers } from '../../../src/trust/bundle/listed-issuers.ts';
import { readCertificate } from '../../../src/trust/x509/read-certificate.ts';
import type { Certificate } from '../../../src/trust/x509/certificate.ts';
import { makeCa, makeIntermediate } from '../../kit/certificates.ts';
import type { Certificate as Made } from '../../kit/certificates.ts';

const one = makeCa({ commonName: 'Same' });
const two = makeCa({ commonName: 'Same' });
const belowOne = makeIntermediate(one, { commonName: 'Below one' });
const belowTwo = makeIntermediate(two, { commonName: 'Below two' });

/** Returns the names of the issuers of the last certificate, among all of them; `undefined` if they are unknown. */
function issuersOf(...made: readonly Made[]): readonly Made[] | undefined {
  const read = made.map(({ der }): Certificate => {
    const reading = readCertificate(der);
    return reading.kind === 'ca' ? reading.certificate : assert.fail(reading.reason);
  });
  const last = read.at(-1) ?? assert.fail();
  return listedIssuers(read)
    .get(last)
    ?.map((hash) => made[read.findIndex(({ fingerprint }) => fingerprint === hash)] ?? assert.fail());
}

suite('listed issuers of an intermediate', () => {
  test('two CAs of one name: only the one that signed it', () => {
    assert.deepEqual(issuersOf(one, two, belowOne), [one]);
    assert.deepEqual(issuersOf(one, two, belowTwo), [two]);
  });

  test('two CAs of one name without key identifiers: only the one that signed it', () => {
    const plain = { subjectKeyId: false, authorityKeyId: undefined };
    const [a, b] = [makeCa({ commonName: 'Same', ...plain }), makeCa({ commonName: 'Same', ...plain })];
    assert.deepEqual(issuersOf(a, b, makeIntermediate(b, { commonName: 'Below', ...plain })), [b]);
  });

  test('two certificates of one CA: both', () => {
    const renewed = makeCa({ commonName: 'Same', key: one, serial: 77n });
    assert.deepEqual(issuersOf(one, renewed, belowOne), [one, renewed]);
  });

  test('intermediate of the same name as its issuer: its issuer', () => {
    assert.deepEqual(issuersOf(two, one, makeIntermediate(one, { commonName: 'Same' })), [one]);
  });

  test('issuer that is not listed: none', () => {
    assert.deepEqual(issuersOf(two, belowOne), []);
  });

  test('root: no entry', () => {
    assert.equal(issuersOf(belowOne, one), undefined);
  });

  test('signature that cannot be verified: no entry', () => {
    const read = [one, belowOne].map(({ der }) => readCertificate(der));
    const [issuer, child] = read.map((reading) =>
      reading.kind === 'ca' ? reading.certificate : assert.fail(reading.reason),
    );
    assert.ok(issuer !== undefined && child !== undefined);
    assert.equal(listedIssuers([issuer, { ...child, signatureSupported: false }]).size, 0);
  });

  test('more CAs of one name without key identifiers than signatures are verified for: no entry', () => {
    const plain = { subjectKeyId: false, authorityKeyId: undefined };
    const roots = Array.from({ length: 257 }, () => ({ ...makeCa({ commonName: 'Same', ...plain }) }));
    assert.equal(issuersOf(...roots, makeIntermediate(two, { commonName: 'Below', ...plain })), undefined);
  });
});

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { certificatesOf, readTlsMaterial } from '../../src/net/tls-material.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';

const [one, two] = [makeCa({ commonName: 'One' }), makeCa({ commonName: 'Two' })];
const labelled = (label: string): string => two.certPem.replaceAll('CERTIFICATE', label);
const half = two.certPem.slice(0, two.certPem.length / 2);

suite('certificates of a PEM file', () => {
  for (const [what, text, expected] of [
    ['two', one.certPem + two.certPem, ['CN=One', 'CN=Two']],
    [
      'the label of OpenSSL for trusted certificates',
      one.certPem + labelled('TRUSTED CERTIFICATE'),
      ['CN=One', 'CN=Two'],
    ],
    [
      'the label of early versions of OpenSSL',
      labelled('X509 CERTIFICATE') + one.certPem,
      ['CN=Two', 'CN=One'],
    ],
    ['text between them', `# first\n${one.certPem}\n# second\n${two.certPem}`, ['CN=One', 'CN=Two']],
    ['a private key beside it', one.keyPem + one.certPem, ['CN=One']],
    ['the second ends in the middle', one.certPem + half, []],
    [
      'the second ends in the middle, with another label',
      one.certPem + half.replace('CERTIFICATE', 'TRUSTED CERTIFICATE'),
      [],
    ],
    ['the labels of a block differ', one.certPem + two.certPem.replace('BEGIN', 'BEGIN TRUSTED'), []],
    ['the second is damaged', one.certPem + two.certPem.replace('MII', 'MIM'), []],
    ['none', 'no certificate', []],
  ] as const)
    test(`${what}: ${expected.length === 0 ? 'none' : expected.join(', ')}`, () => {
      assert.deepEqual(
        certificatesOf(Buffer.from(text)).map(({ subject }) => subject),
        expected,
      );
    });

  test('file of client CAs that ends in the middle of a block of any label: is refused', () => {
    const own = makeLeaf(one);
    const files = { certificate: Buffer.from(own.certPem), key: Buffer.from(own.keyPem) };
    for (const label of ['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE']) {
      const clientCa = Buffer.from(one.certPem + half.replace('CERTIFICATE', label));
      assert.equal(readTlsMaterial({ ...files, clientCa }).kind, 'refused', label);
    }
  });
});

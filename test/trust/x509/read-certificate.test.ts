import assert from 'node:assert/strict';
import { ECDH, X509Certificate, createHash, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { readCertificate } from '../../../src/trust/x509/read-certificate.ts';
import type { Certificate } from '../../../src/trust/x509/certificate.ts';
import {
  bitString,
  booleanTrue,
  contextConstructed,
  contextPrimitive,
  integer,
  nullValue,
  octetString,
  oid,
  printableString,
  sequence,
  tlv,
} from '../../kit/der.ts';
import {
  attribute,
  authorityKeyId,
  basicConstraintsCa,
  buildCertificate,
  ecKeys,
  ecdsaWithSha256,
  ed25519,
  ed25519Keys,
  extension,
  generalizedTime,
  keyUsageCa,
  nameOf,
  otherKeys,
  rsaKeys,
  rsaWithSha256,
  spki,
  subjectKeyId,
  utcTime,
} from './build-certificate.ts';
import type { CertificateFields } from './build-certificate.ts';

type Case = readonly [string, Partial<CertificateFields>];

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const version = (value: bigint): Buffer => contextConstructed(0, integer(value));
const validity = (notBefore: Buffer, notAfter = utcTime('350101000000Z')): Partial<CertificateFields> => ({
  validity: sequence(notBefore, notAfter),
});
/** Returns the fields of a CA with one more extension. */
const withExtension = (id: string, value: Uint8Array): Partial<CertificateFields> => ({
  extensions: [basicConstraintsCa, keyUsageCa, extension(id, value)],
});
const subjectValue = (value: Uint8Array): Partial<CertificateFields> => ({ subject: nameOf(value) });
const rsaSpki = (modulus: Uint8Array, exponent: Uint8Array): Buffer =>
  sequence(
    sequence(oid('1.2.840.113549.1.1.1'), nullValue()),
    bitString(sequence(tlv(2, modulus), tlv(2, exponent))),
  );
const ecSpki = (curve: string, point: Uint8Array): Buffer =>
  sequence(sequence(oid('1.2.840.10045.2.1'), oid(curve)), bitString(point));
const p256 = '1.2.840.10045.3.1.7';
const p224Keys = generateKeyPairSync('ec', { namedCurve: 'P-224' });
/** Returns the SubjectPublicKeyInfo of an EC key with a compressed point. */
function compressed(key: KeyObject, curve: string, curveId: string): Buffer {
  const point = spki(key).subarray(-65);
  return ecSpki(curveId, ECDH.convertKey(point, curve, undefined, undefined, 'compressed'));
}
const uri = (text: string): Buffer => contextPrimitive(6, Buffer.from(text, 'latin1'));
const oddModulus = Buffer.alloc(129, 0xff).fill(0, 0, 1);

function certificateOf(fields: Partial<CertificateFields>): Certificate {
  const reading = readCertificate(buildCertificate(fields));
  assert.equal(reading.kind, 'ca', reading.kind === 'refused' ? reading.reason : '');
  return reading.certificate;
}

function refusalOf(der: Uint8Array): string {
  const reading = readCertificate(der);
  assert.equal(reading.kind, 'refused', 'accepted as a CA');
  return `${reading.code} ${reading.reason}`;
}

const cas: readonly Case[] = [
  ['a root with the extensions that roots have', {}],
  ['CA:TRUE without key usage', { extensions: [basicConstraintsCa] }],
  ['version 3 without basic constraints', { extensions: [keyUsageCa] }],
  ['version 3 without any extension', { extensions: undefined }],
  ['a self-issued certificate of version 1', { version: undefined, extensions: undefined }],
  ['a self-issued certificate of version 2', { version: version(1n), extensions: undefined }],
  ['an intermediate', { issuer: nameOf('Another CA') }],
  ['unique identifiers in version 3', { uniqueIds: contextPrimitive(1, hex('00 01')) }],
  ['a GeneralizedTime before 2050', validity(generalizedTime('20250101000000Z'))],
  ['the end of time', validity(utcTime('250101000000Z'), generalizedTime('99991231235959Z'))],
  ['29 February of a leap year', validity(utcTime('240229000000Z'))],
  ['a PrintableString', subjectValue(printableString('Test CA'))],
  ['a PrintableString with characters outside its alphabet', subjectValue(printableString('*.example_@'))],
  ['a TeletexString', subjectValue(tlv(0x14, hex('e9')))],
  ['a BMPString', subjectValue(tlv(0x1e, hex('0041 20ac')))],
  ['a UniversalString', subjectValue(tlv(0x1c, hex('0001f600')))],
  [
    'several attributes in one part of the name',
    { subject: sequence(tlv(0x31, attribute('2.5.4.3', 'a'), attribute('2.5.4.10', 'b'))) },
  ],
  ['an empty issuer', { issuer: sequence() }],
  ['a negative serial number', { serial: tlv(2, hex('80')) }],
  ...['01', '80', 'fe'].map(
    (flag) =>
      [
        `a CA flag of ${flag}`,
        { extensions: [extension('2.5.29.19', sequence(tlv(1, hex(flag))))] },
      ] as const,
  ),
  ['a serial number of zero', { serial: integer(0n) }],
  [
    'a negative serial number in the authority key identifier',
    { extensions: [basicConstraintsCa, extension('2.5.29.35', sequence(contextPrimitive(2, hex('80'))))] },
  ],
  ['a bit string in a name', subjectValue(bitString(hex('00 a5')))],
  ['a sequence in a name', subjectValue(sequence(nullValue()))],
  ['a P-224 key', { publicKey: spki(p224Keys.publicKey), signingKey: p224Keys.privateKey }],
  ['a compressed point', { publicKey: compressed(ecKeys.publicKey, 'prime256v1', p256) }],
  [
    'name constraints',
    withExtension('2.5.29.30', sequence(contextConstructed(0, sequence(uri('example.test'))))),
  ],
  [
    'an excluded range of addresses',
    withExtension(
      '2.5.29.30',
      sequence(contextConstructed(1, sequence(contextPrimitive(7, Buffer.alloc(8))))),
    ),
  ],
  ['a subject alternative name', withExtension('2.5.29.17', sequence(uri('spiffe://example.test')))],
  [
    'an other name whose value has a tag of several bytes',
    withExtension(
      '2.5.29.17',
      sequence(contextConstructed(0, oid('1.2.3.4'), contextConstructed(0, hex('9f1f00')))),
    ),
  ],
  ['an extended key usage', withExtension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.2')))],
  [
    'CRL distribution points',
    withExtension(
      '2.5.29.31',
      sequence(sequence(contextConstructed(0, contextConstructed(0, uri('http://example.test/crl'))))),
    ),
  ],
  ['an unknown extension whose value is not DER', withExtension('1.2.3.4', hex('ff'))],
  [
    'an Ed25519 key',
    {
      publicKey: spki(ed25519Keys.publicKey),
      algorithm: ed25519,
      outerAlgorithm: ed25519,
      signingKey: ed25519Keys.privateKey,
    },
  ],
  ['a P-384 key', { publicKey: spki(otherKeys.publicKey), signingKey: otherKeys.privateKey }],
  [
    'an RSA key',
    {
      publicKey: spki(rsaKeys.publicKey),
      algorithm: rsaWithSha256,
      outerAlgorithm: rsaWithSha256,
      signingKey: rsaKeys.privateKey,
    },
  ],
  ['a signature that does not verify', { signature: bitString(hex('00')) }],
];

for (const [name, fields] of cas) {
  test(`${name} → accepted as a CA`, () => {
    certificateOf(fields);
  });
}

const refusals: readonly (readonly [string, Partial<CertificateFields>, string])[] = [
  ['version 4', { version: version(3n) }, 'MT014 version 4 is not a version of X.509'],
  [
    'an encoded version 1',
    { version: version(0n), extensions: undefined },
    'MT014 version 1 is encoded, but DER omits this default; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'version 1 with extensions',
    { version: undefined },
    'MT014 a certificate of version 1 does not have extensions',
  ],
  [
    'version 2 with extensions',
    { version: version(1n) },
    'MT014 a certificate of version 2 does not have extensions',
  ],
  [
    'unique identifiers in version 1',
    { version: undefined, extensions: undefined, uniqueIds: contextPrimitive(1, hex('00 01')) },
    'MT014 data follows the end of the signed part',
  ],
  [
    'a negative version',
    { version: contextConstructed(0, tlv(2, hex('ff'))) },
    'MT014 the version is negative',
  ],
  ['an empty serial number', { serial: tlv(2) }, 'MT014 the serial number is an empty INTEGER'],
  [
    'a padded serial number',
    { serial: tlv(2, hex('00 01')) },
    'MT014 the serial number is an INTEGER that is not minimal',
  ],
  [
    'different algorithms outside and inside the signed part',
    { outerAlgorithm: rsaWithSha256 },
    'MT014 the signature algorithm is not the one in the signed part; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'two parameters of an algorithm',
    { algorithm: sequence(oid('1.2.3'), nullValue(), nullValue()) },
    'MT014 data follows the end of the signature algorithm',
  ],
  [
    'an empty part of a name',
    { subject: sequence(tlv(0x31)) },
    'MT014 a part of the subject must not be empty',
  ],
  [
    'an attribute without value',
    { subject: sequence(tlv(0x31, sequence(oid('2.5.4.3')))) },
    'MT014 an attribute of the subject is missing',
  ],
  [
    'an attribute that is a number',
    subjectValue(integer(1n)),
    'MT014 OpenSSL cannot read the certificate, so handshakes of clients with OpenSSL would fail; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'an attribute that is an octet string',
    subjectValue(octetString(hex('a5'))),
    'MT014 OpenSSL cannot read the certificate, so handshakes of clients with OpenSSL would fail; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'a string in constructed form',
    subjectValue(tlv(0x2c, tlv(0x0c, hex('41')))),
    'MT014 an attribute of the subject is in the wrong form for its type',
  ],
  [
    'invalid UTF-8',
    subjectValue(tlv(0x0c, hex('c0 80'))),
    'MT014 an attribute of the subject is not valid UTF-8',
  ],
  [
    'a noncharacter in UTF-8',
    subjectValue(tlv(0x0c, hex('ef bf be'))),
    'MT014 an attribute of the subject has an invalid Unicode character',
  ],
  [
    'a surrogate in a BMPString',
    subjectValue(tlv(0x1e, hex('d800'))),
    'MT014 an attribute of the subject has an invalid Unicode character',
  ],
  [
    'half a character in a BMPString',
    subjectValue(tlv(0x1e, hex('00'))),
    'MT014 an attribute of the subject is cut short',
  ],
  [
    'a UniversalString beyond Unicode',
    subjectValue(tlv(0x1c, hex('00110000'))),
    'MT014 an attribute of the subject has an invalid Unicode character',
  ],
  [
    'an identifier with a padded component',
    { subject: sequence(tlv(0x31, sequence(tlv(6, hex('55 80 03')), printableString('a')))) },
    'MT014 an attribute type of the subject has a component that is not minimal',
  ],
  [
    'an identifier that is cut short',
    { subject: sequence(tlv(0x31, sequence(tlv(6, hex('55 84')), printableString('a')))) },
    'MT014 an attribute type of the subject is cut short',
  ],
  [
    '30 February',
    validity(utcTime('250230000000Z')),
    'MT014 the start of validity is a date or time that does not exist',
  ],
  [
    '29 February of another year',
    validity(utcTime('250229000000Z')),
    'MT014 the start of validity is a date or time that does not exist',
  ],
  [
    'a leap second',
    validity(utcTime('250101000060Z')),
    'MT014 the start of validity is a date or time that does not exist',
  ],
  [
    'hour 24',
    validity(utcTime('250101240000Z')),
    'MT014 the start of validity is a date or time that does not exist',
  ],
  [
    'a month 0',
    validity(utcTime('250001000000Z')),
    'MT014 the start of validity is a date or time that does not exist',
  ],
  [
    'a UTCTime without seconds',
    validity(utcTime('2501010000Z')),
    'MT014 the start of validity is not written as YYMMDDHHMMSSZ',
  ],
  [
    'a UTCTime with an offset',
    validity(utcTime('250101000000+0000')),
    'MT014 the start of validity is not written as YYMMDDHHMMSSZ',
  ],
  [
    'a fractional GeneralizedTime',
    validity(generalizedTime('20250101000000.5Z')),
    'MT014 the start of validity is not written as YYYYMMDDHHMMSSZ',
  ],
  [
    'a GeneralizedTime without Z',
    validity(generalizedTime('20250101000000')),
    'MT014 the start of validity is not written as YYYYMMDDHHMMSSZ',
  ],
  [
    'a time that is a string',
    validity(printableString('250101000000Z')),
    'MT014 the start of validity has the wrong ASN.1 type',
  ],
  ['only one time', { validity: sequence(utcTime('250101000000Z')) }, 'MT014 the end of validity is missing'],
  [
    'an empty list of extensions',
    { extensions: [] },
    'MT014 the extensions must not be empty; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'an extension twice',
    { extensions: [basicConstraintsCa, keyUsageCa, basicConstraintsCa] },
    'MT014 an extension occurs twice',
  ],
  [
    'a critical flag of FALSE',
    { extensions: [sequence(oid('2.5.29.19'), tlv(1, hex('00')), octetString(sequence(booleanTrue())))] },
    'MT014 a critical flag is encoded as FALSE, but DER omits this default; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'a critical flag of 01',
    { extensions: [sequence(oid('2.5.29.19'), tlv(1, hex('01')), octetString(sequence(booleanTrue())))] },
    'MT014 a critical flag is a BOOLEAN that is neither 00 nor FF; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'a critical flag of two bytes',
    { extensions: [sequence(oid('2.5.29.19'), tlv(1, hex('ffff')), octetString(sequence(booleanTrue())))] },
    'MT014 a critical flag is a BOOLEAN that is not one byte',
  ],
  [
    'an other name with a tag that is not minimal',
    withExtension(
      '2.5.29.17',
      sequence(contextConstructed(0, oid('1.2.3.4'), contextConstructed(0, hex('9f1e00')))),
    ),
    'MT014 the tag of the value of a name in the subject alternative name is not minimal',
  ],
  [
    'an extension without value',
    { extensions: [sequence(oid('2.5.29.19'))] },
    'MT014 the value of an extension is missing',
  ],
  [
    'a CA flag of two bytes',
    { extensions: [extension('2.5.29.19', sequence(tlv(1, hex('ffff'))))] },
    'MT014 the CA flag is a BOOLEAN that is not one byte',
  ],
  [
    'a CRL distribution point with an empty relative name',
    {
      extensions: [extension('2.5.29.31', sequence(sequence(contextConstructed(0, contextConstructed(1)))))],
    },
    'MT014 the CRL distribution points must not be empty; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'a negative path length',
    { extensions: [extension('2.5.29.19', sequence(booleanTrue(), tlv(2, hex('ff'))))] },
    'MT014 the path length is negative',
  ],
  [
    'data after the basic constraints',
    { extensions: [extension('2.5.29.19', Buffer.concat([sequence(booleanTrue()), nullValue()]))] },
    'MT014 data follows the end of an extension',
  ],
  [
    'a key usage with unused bits set',
    { extensions: [extension('2.5.29.15', bitString(hex('07'), 1))] },
    'MT014 the key usage has unused bits that are set, or too many of them',
  ],
  [
    'a key usage with 8 unused bits',
    { extensions: [extension('2.5.29.15', bitString(hex('00'), 8))] },
    'MT014 the key usage has unused bits that are set, or too many of them',
  ],
  [
    'an empty key usage',
    { extensions: [extension('2.5.29.15', tlv(3))] },
    'MT014 the key usage is an empty BIT STRING',
  ],
  [
    'a subject key identifier of another type',
    withExtension('2.5.29.14', nullValue()),
    'MT014 the subject key identifier has the wrong ASN.1 type',
  ],
  [
    'a malformed authority key identifier',
    withExtension('2.5.29.35', hex('30 02 80 05')),
    'MT014 the authority key identifier is cut short: its length exceeds the data',
  ],
  [
    'an empty subject alternative name',
    withExtension('2.5.29.17', sequence()),
    'MT014 the subject alternative name must not be empty; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'an alternative name of an unknown kind',
    withExtension('2.5.29.17', sequence(contextPrimitive(9, hex('00')))),
    'MT014 a name in the subject alternative name is of an unknown kind',
  ],
  [
    'an other name with a padded number',
    withExtension(
      '2.5.29.17',
      sequence(contextConstructed(0, oid('1.2.3.4'), contextConstructed(0, tlv(2, hex('0001'))))),
    ),
    'MT014 the value of a name in the subject alternative name is an INTEGER that is not minimal',
  ],
  [
    'an empty EDI name',
    withExtension('2.5.29.17', sequence(contextConstructed(5))),
    'MT014 a name in the subject alternative name is missing',
  ],
  [
    'an EDI name',
    withExtension('2.5.29.17', sequence(contextConstructed(5, contextConstructed(1, printableString('x'))))),
    'MT014 a name in the subject alternative name is an X.400 or EDI name; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'an address of five bytes',
    withExtension('2.5.29.17', sequence(contextPrimitive(7, Buffer.alloc(5)))),
    'MT014 a name in the subject alternative name is not an IP address; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'empty name constraints',
    withExtension('2.5.29.30', sequence()),
    'MT014 the name constraints must not be empty; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'name constraints with a maximum',
    withExtension(
      '2.5.29.30',
      sequence(contextConstructed(0, sequence(uri('a.test'), contextPrimitive(1, hex('05'))))),
    ),
    'MT014 the name constraints must not have a minimum or a maximum; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'an extended key usage that is text',
    withExtension('2.5.29.37', sequence(printableString('clientAuth'))),
    'MT014 an extended key usage has the wrong ASN.1 type',
  ],
  [
    'malformed CRL distribution points',
    withExtension('2.5.29.31', sequence(nullValue())),
    'MT014 one of the CRL distribution points has the wrong ASN.1 type',
  ],
  [
    'a signature with unused bits',
    { signature: bitString(hex('80'), 1) },
    'MT014 the signature is not a number of whole bytes; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'no signature bytes',
    { signature: tlv(3, hex('00')) },
    'MT014 the signature is not a number of whole bytes; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'an RSA key without parameters',
    {
      publicKey: sequence(
        sequence(oid('1.2.840.113549.1.1.1')),
        bitString(sequence(integer(1n), integer(3n))),
      ),
    },
    'MT014 the parameters of the RSA key is missing',
  ],
  [
    'an even RSA modulus',
    { publicKey: rsaSpki(Buffer.concat([oddModulus, hex('fe')]), hex('03')) },
    'MT014 the RSA modulus is even',
  ],
  [
    'an even RSA exponent',
    { publicKey: rsaSpki(oddModulus, hex('04')) },
    'MT014 the RSA exponent is even or out of bounds',
  ],
  [
    'an RSA exponent of 34 bits',
    { publicKey: rsaSpki(oddModulus, hex('02 00 00 00 01')) },
    'MT014 the RSA exponent is even or out of bounds',
  ],
  [
    'an RSA modulus of 8 bits',
    { publicKey: rsaSpki(hex('00 ff'), hex('03')) },
    'MT014 an RSA modulus of 8 bits is out of bounds',
  ],
  [
    'an RSA modulus that is padded',
    { publicKey: rsaSpki(hex('00 7f'), hex('03')) },
    'MT014 the RSA modulus is an INTEGER that is not minimal',
  ],
  [
    'a point that is not on its curve',
    { publicKey: ecSpki(p256, Buffer.concat([hex('04'), Buffer.alloc(64, 1)])) },
    'MT014 the public key cannot be read by OpenSSL',
  ],
  [
    'a compressed point that is not on its curve',
    { publicKey: ecSpki(p256, Buffer.concat([hex('02'), Buffer.alloc(32, 1)])) },
    'MT014 the public key cannot be read by OpenSSL',
  ],
  [
    'a curve that Envoy does not support',
    { publicKey: ecSpki('1.3.132.0.10', Buffer.concat([hex('04'), Buffer.alloc(64, 1)])) },
    'MT015 the algorithm or curve of the key is not supported by Envoy',
  ],
  [
    'a key of an unknown algorithm',
    { publicKey: sequence(sequence(oid('1.2.3.4')), bitString(hex('00'))) },
    'MT015 the algorithm or curve of the key is not supported by Envoy',
  ],
  [
    'an ML-DSA key',
    { publicKey: spki(generateKeyPairSync('ml-dsa-65').publicKey) },
    'MT015 Envoy 1.36 does not support keys of type ML-DSA-65, and Envoy 1.40 does; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'an ML-DSA key that is too short',
    { publicKey: sequence(sequence(oid('2.16.840.1.101.3.4.3.18')), bitString(Buffer.alloc(1951))) },
    'MT014 the ML-DSA-65 key is not 1952 bytes long',
  ],
  [
    'an Ed25519 key of 31 bytes',
    { publicKey: sequence(ed25519, bitString(Buffer.alloc(31))) },
    'MT014 the Ed25519 key is not 32 bytes long',
  ],
  [
    'CA:FALSE',
    { extensions: [extension('2.5.29.19', sequence())] },
    'MT015 the certificate is not a CA: its basic constraints say CA:FALSE; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'an encoded CA:FALSE',
    { extensions: [extension('2.5.29.19', sequence(tlv(1, hex('00'))))] },
    'MT015 the certificate is not a CA: its basic constraints say CA:FALSE; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'a key usage without keyCertSign',
    { extensions: [basicConstraintsCa, extension('2.5.29.15', bitString(hex('80'), 7))] },
    'MT015 the certificate is not a CA: its key usage does not include signing certificates',
  ],
  [
    'version 1 of another issuer',
    { version: undefined, extensions: undefined, issuer: nameOf('Another CA') },
    'MT015 the certificate is not a CA: it has no basic constraints and is not self-issued; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'no basic constraints, and another issuer',
    { extensions: undefined, issuer: nameOf('Another CA') },
    'MT015 the certificate is not a CA: it has no basic constraints and is not self-issued; this is a rule of meshtrust, not of Envoy',
  ],
  [
    'a subject above 4096 bytes',
    { subject: nameOf('x'.repeat(4096)) },
    'MT016 the subject takes 4117 bytes, more than 4096; this is a rule of meshtrust, not of Envoy',
  ],
];

for (const [name, fields, refusal] of refusals) {
  test(`${name} → refused`, () => {
    assert.equal(refusalOf(buildCertificate(fields)), refusal);
  });
}

const encodings: readonly (readonly [string, (der: Buffer) => Buffer, string])[] = [
  ['no bytes', () => Buffer.alloc(0), 'MT014 the certificate is missing'],
  [
    'data after the certificate',
    (der) => Buffer.concat([der, hex('00')]),
    'MT014 data follows the end of the certificate',
  ],
  [
    'a certificate that is cut short',
    (der) => der.subarray(0, -1),
    'MT014 the certificate is cut short: its length exceeds the data',
  ],
  [
    'an indefinite length',
    (der) => Buffer.concat([hex('30 80'), der.subarray(4), hex('00 00')]),
    'MT014 the length of the certificate is indefinite',
  ],
  [
    'a length with a leading zero',
    (der) => Buffer.concat([hex('30 83 00'), der.subarray(2)]),
    'MT014 the length of the certificate is not minimal',
  ],
  [
    'a length of five bytes',
    () => hex('30 85 01 00 00 00 00'),
    'MT014 the certificate is cut short: its length exceeds the data',
  ],
  [
    'a private key instead of a certificate',
    () => ecKeys.privateKey.export({ format: 'der', type: 'pkcs8' }),
    'MT014 the signed part has the wrong ASN.1 type',
  ],
  [
    'a public key instead of a certificate',
    () => spki(ecKeys.publicKey),
    'MT014 the signature algorithm has the wrong ASN.1 type',
  ],
];

for (const [name, change, refusal] of encodings) {
  test(`${name} → refused`, () => {
    assert.equal(refusalOf(change(buildCertificate())), refusal);
  });
}

test('fields of a certificate: the same as in OpenSSL', () => {
  const der = buildCertificate({
    subject: sequence(
      tlv(0x31, attribute('2.5.4.6', printableString('ES'))),
      tlv(0x31, attribute('2.5.4.3', 'Test CA')),
    ),
    extensions: [subjectKeyId, authorityKeyId, extension('2.5.29.19', sequence(booleanTrue(), integer(1n)))],
  });
  const reading = readCertificate(der);
  assert.equal(reading.kind, 'ca');
  const { certificate } = reading;
  const opened = new X509Certificate(der);
  assert.equal(certificate.fingerprint, opened.fingerprint256.replaceAll(':', '').toLowerCase());
  assert.equal(certificate.keyHash, createHash('sha256').update(spki(ecKeys.publicKey)).digest('hex'));
  assert.equal(certificate.serial, opened.serialNumber.toLowerCase());
  assert.equal(certificate.notBefore, Date.parse(opened.validFrom));
  assert.equal(certificate.notAfter, Date.parse(opened.validTo));
  assert.equal(certificate.subject, 'CN=Test CA,C=ES');
  assert.equal(certificate.issuer, 'CN=Test CA');
  assert.equal(certificate.keyAlgorithm, 'ECDSA P-256');
  assert.equal(certificate.subjectKeyId, '07'.repeat(20));
  assert.equal(certificate.authorityKeyId, '07'.repeat(20));
  assert.equal(certificate.pathLength, 1);
  assert.equal(certificate.nameConstraints, false);
  assert.equal(certificate.selfIssued, false);
  assert.equal(certificate.version, 3);
  assert.deepEqual(Buffer.from(certificate.publicKeyDer), spki(ecKeys.publicKey));
});

const akiOf = (...parts: readonly Uint8Array[]): Partial<CertificateFields> => ({
  extensions: [subjectKeyId, extension('2.5.29.35', sequence(...parts)), basicConstraintsCa],
});
const ends: readonly (readonly [string, Partial<CertificateFields>, boolean])[] = [
  ['a root', {}, true],
  ['a root without key identifiers', { extensions: [basicConstraintsCa] }, true],
  [
    'a root whose authority is its own name and serial',
    akiOf(contextConstructed(1, contextConstructed(4, nameOf('Test CA'))), contextPrimitive(2, hex('12 34'))),
    true,
  ],
  ['an intermediate', { issuer: nameOf('Another CA') }, false],
  // Envoy does not verify the signature of an anchor, so these also end a chain.
  ['a certificate signed by another key of its name', { signingKey: otherKeys.privateKey }, true],
  ['a root with a signature that was altered', { signature: bitString(hex('3006 020101 020101')) }, true],
  ['a root whose authority is another key', akiOf(contextPrimitive(0, Buffer.alloc(20, 8))), false],
  ['a root whose authority is another serial', akiOf(contextPrimitive(2, hex('12 35'))), false],
  [
    'a root whose authority has another name',
    akiOf(contextConstructed(1, contextConstructed(4, nameOf('Another CA')))),
    false,
  ],
];

for (const [name, fields, selfSigned] of ends) {
  test(`${name} → ${selfSigned ? 'ends' : 'does not end'} a chain`, () => {
    assert.equal(certificateOf(fields).selfSigned, selfSigned);
  });
}

test('name with line feeds and special characters → escaped on one line', () => {
  const { subject } = certificateOf({ subject: nameOf(' a,b"\n\u202e#') });
  assert.equal(subject, String.raw`CN=\ a\,b\"\0a\e2\80\ae#`);
});

test('attribute type without a short name → dotted identifier', () => {
  const { subject } = certificateOf({ subject: nameOf('x', '1.3.6.1.4.1.311.60.2.1.3') });
  assert.equal(subject, '1.3.6.1.4.1.311.60.2.1.3=x');
});

test('very long issuer → truncated, with its very long identifier as hex', () => {
  const type = Buffer.concat([Buffer.from([0x2a]), Buffer.alloc(500_000, 0xff), Buffer.from([0x7f])]);
  const issuer = sequence(tlv(0x31, sequence(tlv(6, type), printableString('x'))));
  const { issuer: displayed } = certificateOf({ issuer });
  assert.match(displayed, /^#2aff(?:f{4090})…$/);
});

test('builder: signs with the given algorithm', () => {
  assert.ok(new X509Certificate(buildCertificate({ algorithm: ecdsaWithSha256 })).verify(ecKeys.publicKey));
});

test('key with a compressed point → the same key hash as uncompressed', () => {
  const publicKey = compressed(ecKeys.publicKey, 'prime256v1', p256);
  const certificate = certificateOf({ publicKey });
  assert.equal(certificate.keyHash, certificateOf({}).keyHash);
  assert.equal(certificate.compressedKeyHash, createHash('sha256').update(publicKey).digest('hex'));
  assert.equal(certificateOf({}).compressedKeyHash, undefined);
});

test('name value that is not text → displayed as hex', () => {
  assert.equal(certificateOf(subjectValue(bitString(hex('a5')))).subject, 'CN=#030200a5');
  assert.equal(certificateOf(subjectValue(tlv(0x12, hex('31')))).subject, 'CN=1');
});

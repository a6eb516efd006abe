import {
  basicConstraintsCa,
  buildCertificate,
  ecKeys,
  extension,
  generalizedTime,
  keyUsageCa,
  spki,
  utcTime,
} from '../../trust/x509/build-certificate.ts';
import { longName, makeCa, makeLeaf, makeSelfSignedLeaf } from '../certificates.ts';
import { bitString, contextConstructed, integer, oid, sequence, tlv } from '../der.ts';
import { toPem } from '../pem.ts';
import { after } from './broken-input.ts';
import type { BrokenInput } from './broken-input.ts';

const good = buildCertificate();
const content = good.subarray(4);
const end = utcTime('350101000000Z');

/** Certificates in well-formed PEM that Envoy does not load and use as a CA. */
const certificates: Readonly<Record<string, Uint8Array>> = {
  'DER cut short': good.subarray(0, -20),
  'bytes after the certificate': Buffer.concat([good, Buffer.from([0, 0])]),
  'bytes that are not DER': Buffer.alloc(300, 0x5a),
  'a bit flipped in the key': flipped(good, good.indexOf(spki(ecKeys.publicKey)) + 40),
  'a length that is not minimal': Buffer.concat([
    Buffer.from([0x30, 0x83, 0, ...good.subarray(2, 4)]),
    content,
  ]),
  'an indefinite length': Buffer.concat([Buffer.from([0x30, 0x80]), content, Buffer.from([0, 0])]),
  'version 1 with extensions': buildCertificate({ version: undefined }),
  'version 4': buildCertificate({ version: contextConstructed(0, integer(3n)) }),
  'a time with a fraction': buildCertificate({
    validity: sequence(generalizedTime('20250101000000.5Z'), end),
  }),
  'the 30th of February': buildCertificate({ validity: sequence(utcTime('250230000000Z'), end) }),
  'a time without seconds': buildCertificate({ validity: sequence(utcTime('2501010000Z'), end) }),
  'an empty RDN': buildCertificate({ subject: sequence(tlv(0x31)) }),
  'an extension twice': buildCertificate({
    extensions: [basicConstraintsCa, keyUsageCa, basicConstraintsCa],
  }),
  'basic constraints that do not parse': buildCertificate({
    extensions: [extension('2.5.29.19', Buffer.from([0x30, 0x05, 0x01]), true), keyUsageCa],
  }),
  'a key off the curve': buildCertificate({
    publicKey: sequence(
      sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')),
      bitString(Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)])),
    ),
  }),
  'a public key under the label of a certificate': spki(ecKeys.publicKey),
  'a leaf': makeLeaf(makeCa(), { spiffeId: 'spiffe://leaf.test/x' }).der,
  'a self-signed leaf': makeSelfSignedLeaf({ spiffeId: 'spiffe://leaf.test/x' }).der,
  'CA:FALSE with keyCertSign': makeCa({ basicConstraints: { kind: 'end-entity' } }).der,
  'CA:TRUE without keyCertSign': makeCa({ keyUsage: ['digitalSignature'] }).der,
  'a subject above 4 KB': makeCa({ subject: longName(4500, 'long') }).der,
};

/** Each certificate after a good block. */
export const brokenDer: readonly BrokenInput[] = Object.entries(certificates).map(([name, der]) =>
  after(name, toPem(der)),
);

function flipped(der: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(der);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

import { contextConstructed, createCursor, inside, tag } from './der-reader.ts';
import type { Element } from './der-reader.ts';

/** Where the parts of a certificate are. */
export interface CertificateParts {
  readonly version: Element | undefined;
  readonly serial: Element;
  readonly algorithm: Element;
  readonly issuer: Element;
  readonly validity: Element;
  readonly subject: Element;
  readonly publicKey: Element;
  readonly extensions: Element | undefined;
  readonly outerAlgorithm: Element;
  readonly signature: Element;
}

/** Walks a Certificate (RFC 5280, section 4.1). Throws `DerError` at the first byte that Envoy would not take. */
export function walkCertificate(der: Uint8Array): CertificateParts {
  const outer = createCursor(der, 0, der.length);
  const certificate = outer.take(tag.sequence, 'the certificate');
  outer.done('the certificate');
  const fields = inside(der, certificate);
  const tbs = inside(der, fields.take(tag.sequence, 'the signed part'));
  const outerAlgorithm = fields.take(tag.sequence, 'the signature algorithm');
  const signature = fields.take(tag.bitString, 'the signature');
  fields.done('the certificate');
  const parts = {
    version: tbs.takeIf(contextConstructed(0), 'the version'),
    serial: tbs.take(tag.integer, 'the serial number'),
    algorithm: tbs.take(tag.sequence, 'the inner signature algorithm'),
    issuer: tbs.take(tag.sequence, 'the issuer'),
    validity: tbs.take(tag.sequence, 'the validity'),
    subject: tbs.take(tag.sequence, 'the subject'),
    publicKey: tbs.take(tag.sequence, 'the public key'),
    extensions: tbs.takeIf(contextConstructed(3), 'the extensions'),
    outerAlgorithm,
    signature,
  };
  tbs.done('the signed part');
  return parts;
}

import { walkCertificate } from './certificate-walk.ts';
import type { Certificate } from './certificate.ts';
import { contents, contextConstructed, encoded, inside, tag } from './der-reader.ts';
import type { Element } from './der-reader.ts';
import { writeElement } from './der-writer.ts';

/** 2.5.29.35 */
const authorityKeyIdentifier = Uint8Array.of(0x55, 0x1d, 0x23);

/**
 * The self-issued form of a CA: issuer set to its subject, authority key identifier left out, all else byte for
 * byte. Serves an intermediate as a trust anchor (a name, a key and constraints: RFC 5280, 6.1.1 d). The
 * signature no longer verifies, and neither OpenSSL nor BoringSSL checks the signature of an anchor.
 */
export function reroot(certificate: Certificate): Uint8Array {
  const { der } = certificate;
  const parts = walkCertificate(der);
  const extensions = parts.extensions === undefined ? [] : keptExtensions(der, parts.extensions);
  const between = (from: Element, to: Element): Uint8Array => der.subarray(from.start, to.end);
  const signed = writeElement(
    tag.sequence,
    between(parts.version ?? parts.serial, parts.algorithm),
    encoded(der, parts.subject),
    between(parts.validity, parts.publicKey),
    ...(extensions.length === 0
      ? []
      : [writeElement(contextConstructed(3), writeElement(tag.sequence, ...extensions))]),
  );
  return writeElement(tag.sequence, signed, between(parts.outerAlgorithm, parts.signature));
}

function keptExtensions(der: Uint8Array, extensions: Element): readonly Uint8Array[] {
  const list = inside(der, inside(der, extensions).take(tag.sequence, 'the extensions'));
  const kept: Uint8Array[] = [];
  while (list.peek() !== undefined) {
    const extension = list.take(tag.sequence, 'an extension');
    const oid = inside(der, extension).take(tag.oid, 'an extension identifier');
    if (Buffer.compare(contents(der, oid), authorityKeyIdentifier) !== 0) kept.push(encoded(der, extension));
  }
  return kept;
}

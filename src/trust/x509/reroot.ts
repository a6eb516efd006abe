import { walkCertificate } from './certificate-walk.ts';
import type { Certificate } from './certificate.ts';
import { contextConstructed, encoded, inside, tag } from './der-reader.ts';
import type { Element } from './der-reader.ts';
import { writeElement } from './der-writer.ts';
import { takeExtension } from './walk-extensions.ts';

/** 2.5.29.35, as hex of its contents. */
const authorityKeyIdentifier = '551d23';

/**
 * The self-issued form of a CA: issuer set to its subject, authority key identifier left out, all else byte for
 * byte. Serves an intermediate as a trust anchor (a name, a key and constraints: RFC 5280, 6.1.1 d). The
 * signature no longer verifies, and neither OpenSSL nor BoringSSL checks the signature of an anchor.
 */
export function reroot({ der }: Certificate): Uint8Array {
  const { versionField, serial, algorithm, subject, validity, extensionsField, signed, outerAlgorithm } =
    walkCertificate(der);
  const extensions = extensionsField === undefined ? [] : keptExtensions(der, extensionsField);
  const signedPart = writeElement(
    tag.sequence,
    der.subarray((versionField ?? serial).start, algorithm.end),
    encoded(der, subject.element),
    der.subarray(validity.start, extensionsField?.start ?? signed.end),
    ...(extensions.length === 0
      ? []
      : [writeElement(contextConstructed(3), writeElement(tag.sequence, ...extensions))]),
  );
  return writeElement(tag.sequence, signedPart, der.subarray(outerAlgorithm.start));
}

function keptExtensions(der: Uint8Array, field: Element): readonly Uint8Array[] {
  const list = inside(der, inside(der, field).take(tag.sequence, 'the extensions'));
  const kept: Uint8Array[] = [];
  while (list.peek() !== undefined) {
    const { element, oid } = takeExtension(list);
    if (oid !== authorityKeyIdentifier) kept.push(encoded(der, element));
  }
  return kept;
}

import { walkCertificate } from './certificate-walk.ts';
import type { Certificate } from './certificate.ts';
import { contextConstructed, encoded, inside, tag } from './der-reader.ts';
import type { Element } from './der-reader.ts';
import { writeElement } from './der-writer.ts';
import { takeExtension } from './walk-extensions.ts';

/** The object identifier 2.5.29.35, as hex of its contents. */
const authorityKeyIdentifier = '551d23';

/**
 * Returns the self-issued form of a CA. The issuer is set to the subject, the authority key identifier is removed, and
 * everything else stays byte for byte. It serves an intermediate as a trust anchor, which is a name, a key and
 * constraints (RFC 5280, section 6.1.1 d). The signature no longer verifies, but neither OpenSSL nor BoringSSL checks
 * the signature of an anchor.
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

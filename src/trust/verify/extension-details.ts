import { createCursor, inside, tag } from '../x509/der-reader.ts';
import type { Cursor, Element } from '../x509/der-reader.ts';
import { takeBitString } from '../x509/der-values.ts';
import { takeExtension } from '../x509/walk-extensions.ts';
import { takeNameConstraints, takeSubjectNames } from '../x509/subject-names.ts';
import { findPolicyExtensions } from '../x509/policy-extensions.ts';
import type { PolicyExtensions } from '../x509/policy-extensions.ts';
import type { NameConstraints, SubjectName } from '../x509/subject-names.ts';

/** The extensions of a certificate that matter only for paths. */
export interface ExtensionDetails {
  /** `undefined` without the extension. */
  readonly keyUsage: KeyUsage | undefined;
  /** The subject alternative names in their order; `undefined` without the extension. */
  readonly names: readonly SubjectName[] | undefined;
  readonly nameConstraints: NameConstraints | undefined;
  readonly policyExtensions: PolicyExtensions;
  /** Whether the certificate has a critical extension that BoringSSL does not know. */
  readonly unknownCritical: boolean;
}

/** The key usages that matter for paths (RFC 5280, section 4.2.1.3). */
interface KeyUsage {
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
  readonly crlSign: boolean;
}

/** The details of a certificate without extensions. */
export const noDetails: ExtensionDetails = {
  keyUsage: undefined,
  names: undefined,
  nameConstraints: undefined,
  policyExtensions: {
    policies: undefined,
    mappings: undefined,
    constraints: undefined,
    inhibitAny: undefined,
  },
  unknownCritical: false,
};

const keyUsage = '551d0f';
const subjectAltName = '551d11';
const nameConstraints = '551d1e';

/**
 * Extensions that BoringSSL accepts as critical, by hex of the identifier: key usage, alternative name, basic
 * constraints, name constraints, certificate policies, policy mappings, policy constraints, extended key usage,
 * inhibit any policy.
 */
const known = new Set([
  keyUsage,
  subjectAltName,
  '551d13',
  nameConstraints,
  '551d20',
  '551d21',
  '551d24',
  '551d25',
  '551d36',
]);

/** Reads the contents of the `[3]` field of a certificate that was parsed before. */
export function readDetails(der: Uint8Array, field: Element | undefined): ExtensionDetails {
  const values = new Map<string, Cursor>();
  let unknownCritical = false;
  if (field !== undefined) {
    const list = inside(der, inside(der, field).take(tag.sequence, 'the extensions'));
    while (list.peek() !== undefined) {
      const { oid, critical, value } = takeExtension(list);
      values.set(oid, createCursor(der, value.body, value.end));
      unknownCritical ||= critical && !known.has(oid);
    }
  }
  const read = <Value>(oid: string, take: (cursor: Cursor) => Value): Value | undefined => {
    const cursor = values.get(oid);
    return cursor === undefined ? undefined : take(cursor);
  };
  return {
    keyUsage: read(keyUsage, takeKeyUsage),
    names: read(subjectAltName, takeSubjectNames),
    nameConstraints: read(nameConstraints, takeNameConstraints),
    policyExtensions: findPolicyExtensions(der, field),
    unknownCritical,
  };
}

/** Reads a key usage (RFC 5280, section 4.2.1.3). */
function takeKeyUsage(value: Cursor): KeyUsage {
  const bits = takeBitString(value, 'the key usage').bytes[0] ?? 0;
  return {
    digitalSignature: (bits & 0x80) !== 0,
    keyCertSign: (bits & 0x04) !== 0,
    crlSign: (bits & 0x02) !== 0,
  };
}

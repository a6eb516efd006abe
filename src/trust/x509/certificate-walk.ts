import { DerError, context, contextConstructed, createCursor, encoded, inside, tag } from './der-reader.ts';
import type { Cursor, Element } from './der-reader.ts';
import { takeBitString, takeInteger, takeOid, takeUnsigned, unsignedValue } from './der-values.ts';
import type { ReportDeviation } from './der-values.ts';
import { walkExtensions } from './walk-extensions.ts';
import type { ExtensionValues } from './walk-extensions.ts';
import { takeName } from './walk-name.ts';
import type { Name } from './walk-name.ts';
import { takePublicKey } from './walk-public-key.ts';
import type { PublicKeyPart } from './walk-public-key.ts';
import { takeTime } from './walk-time.ts';

/** The parts of a certificate: their offsets and their values. */
export interface CertificateParts {
  readonly version: 1 | 2 | 3;
  /** The explicit version field, which version 1 lacks. */
  readonly versionField: Element | undefined;
  readonly serial: Element;
  readonly algorithm: Element;
  readonly issuer: { readonly element: Element; readonly name: Name };
  readonly validity: Element;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly subject: { readonly element: Element; readonly name: Name };
  readonly publicKey: PublicKeyPart;
  readonly extensionsField: Element | undefined;
  readonly extensions: ExtensionValues;
  /** The signed part, which contains all of the above. */
  readonly signed: Element;
  /** The algorithm outside the signed part. The signature follows it, up to the end. */
  readonly outerAlgorithm: Element;
  /** The bytes of the signature; `undefined` if it is empty or not whole bytes, which no key verifies. */
  readonly signature: Uint8Array | undefined;
  /** Why BoringSSL considers the extensions invalid, and with them every path through this certificate. */
  readonly invalidExtension: string | undefined;
  /** The violations of RFC 5280 or DER that BoringSSL accepts, in the order of the certificate. */
  readonly deviations: readonly string[];
}

/**
 * Parses a whole Certificate (RFC 5280, section 4.1) as BoringSSL does. Throws `DerError` at the first part that
 * BoringSSL does not parse. `deviations` has the violations of the standards that it accepts. `invalidExtension` says
 * why BoringSSL cannot use the certificate.
 */
export function walkCertificate(der: Uint8Array): CertificateParts {
  const outer = createCursor(der, 0, der.length);
  const fields = inside(der, outer.take(tag.sequence, 'the certificate'));
  outer.done('the certificate');
  const signed = fields.take(tag.sequence, 'the signed part');
  const outerAlgorithm = takeAlgorithm(fields, 'the signature algorithm');
  const { unused, bytes } = takeBitString(fields, 'the signature');
  fields.done('the certificate');
  const deviations: string[] = [];
  const reportDeviation: ReportDeviation = (reason) => deviations.push(reason);
  const parts = walkSigned(inside(der, signed), reportDeviation);
  if (Buffer.compare(encoded(der, parts.algorithm), encoded(der, outerAlgorithm)) !== 0) {
    reportDeviation('the signature algorithm is not the one in the signed part');
  }
  const isWhole = unused === 0 && bytes.length > 0;
  if (!isWhole) reportDeviation('the signature is not a number of whole bytes');
  return { ...parts, signed, outerAlgorithm, signature: isWhole ? bytes : undefined, deviations };
}

function walkSigned(
  tbs: Cursor,
  reportDeviation: ReportDeviation,
): Omit<CertificateParts, 'signed' | 'outerAlgorithm' | 'signature' | 'deviations'> {
  const { der } = tbs;
  const versionField = tbs.takeIf(contextConstructed(0), 'the version');
  const version = versionField === undefined ? 1 : readVersion(inside(der, versionField), reportDeviation);
  const serial = takeInteger(tbs, 'the serial number');
  const algorithm = takeAlgorithm(tbs, 'the signature algorithm');
  const issuer = takeName(tbs, 'the issuer');
  const validity = tbs.take(tag.sequence, 'the validity');
  const times = inside(der, validity);
  const notBefore = takeTime(times, 'the start of validity');
  const notAfter = takeTime(times, 'the end of validity');
  times.done('the validity');
  const subject = takeName(tbs, 'the subject');
  const publicKey = takePublicKey(tbs);
  if (version !== 1) takeUniqueIds(tbs);
  const extensionsField = tbs.takeIf(contextConstructed(3), 'the extensions');
  if (extensionsField !== undefined && version !== 3) {
    throw new DerError(`a certificate of version ${version} does not have extensions`);
  }
  tbs.done('the signed part');
  const { values: extensions, invalid: invalidExtension } =
    extensionsField === undefined
      ? { values: {}, invalid: undefined }
      : walkExtensions(der, extensionsField, reportDeviation);
  return {
    version,
    versionField,
    serial,
    algorithm,
    issuer,
    validity,
    notBefore,
    notAfter,
    subject,
    publicKey,
    extensionsField,
    extensions,
    invalidExtension,
  };
}

function readVersion(cursor: Cursor, reportDeviation: ReportDeviation): 1 | 2 | 3 {
  const value = unsignedValue(cursor.der, takeUnsigned(cursor, 'the version'));
  cursor.done('the version');
  switch (value) {
    case 0:
      reportDeviation('version 1 is encoded, but DER omits this default');
      return 1;
    case 1:
      return 2;
    case 2:
      return 3;
    default:
      throw new DerError(`version ${value + 1} is not a version of X.509`);
  }
}

/** Reads an AlgorithmIdentifier. Its parameters are at most one element of any type. */
function takeAlgorithm(cursor: Cursor, what: string): Element {
  const element = cursor.take(tag.sequence, what);
  const fields = inside(cursor.der, element);
  takeOid(fields, what);
  if (fields.peek() !== undefined) fields.any(`the parameters of ${what}`);
  fields.done(what);
  return element;
}

/** Reads the unique identifiers of issuer and subject (RFC 5280, section 4.1.2.8). */
function takeUniqueIds(tbs: Cursor): void {
  for (const tagByte of [context(1), context(2)]) {
    if (tbs.peek() === tagByte) takeBitString(tbs, 'a unique identifier', tagByte);
  }
}

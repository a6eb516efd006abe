import { formatTime } from '../../text/format-time.ts';
import { isSupported, verifySignature } from '../x509/signature.ts';
import type { EnvoyEdition } from '../x509/match-names.ts';
import { checkNameConstraints } from './name-constraints.ts';
import { checkPolicies } from './policies.ts';
import type { Link } from './link.ts';
import type { BuiltPath } from './build-path.ts';
import type { RefusalReason } from './verdict.ts';

/** Returns the first reason for which Envoy refuses a complete path, in the order of Envoy's checks. */
export function checkPath(
  { presented, listed }: BuiltPath,
  now: number,
  edition: EnvoyEdition,
): RefusalReason | undefined {
  const path = [...presented, ...listed];
  return (
    checkPresented(presented) ??
    checkSignaturesAndDates(path, presented.length, now, edition) ??
    checkNameConstraints(path, edition) ??
    checkPolicies(path)
  );
}

/** Checks the extensions and path lengths of the presented certificates. Envoy does not check those of anchors. */
function checkPresented(presented: readonly Link[]): RefusalReason | undefined {
  /** The number of certificates so far that count for path lengths: those that are not self-issued. */
  let length = 0;
  for (const [index, link] of presented.entries()) {
    const who = index === 0 ? 'the leaf' : `the intermediate ${link.subject}`;
    if (link.unknownCritical) {
      return {
        code: 'unknown-critical-extension',
        sentence: `${who} has a critical extension that Envoy does not know`,
      };
    }
    if (index > 0 && !isCa(link)) {
      return {
        code: 'intermediate-not-ca',
        sentence: `${who} is not a CA according to its basic constraints or key usage`,
      };
    }
    const allowed = link.basicConstraints?.pathLength;
    if (index > 0 && !link.selfIssued && allowed !== undefined && length > allowed + 1) {
      const counts = `${allowed} intermediate${allowed === 1 ? '' : 's'} below it, but the path has ${length - 1}`;
      return { code: 'path-too-long', sentence: `${who} allows ${counts}` };
    }
    if (!link.selfIssued) length += 1;
  }
  return undefined;
}

function isCa({ basicConstraints, keyUsage }: Link): boolean {
  return basicConstraints?.ca === true && keyUsage?.keyCertSign !== false;
}

/** Checks signature and dates of each certificate, from the last anchor down. Ignores the signature of that anchor. */
function checkSignaturesAndDates(
  path: readonly Link[],
  presented: number,
  now: number,
  edition: EnvoyEdition,
): RefusalReason | undefined {
  for (const [index, link] of [...path.entries()].toReversed()) {
    const issuer = path[index + 1];
    const role = index === 0 ? 'leaf' : index < presented ? 'intermediate' : 'anchor';
    const who = index === 0 ? 'the leaf' : `the ${role} ${link.subject}`;
    const reason = (issuer && checkSignature(link, issuer, who, edition)) ?? checkDates(link, role, who, now);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function checkSignature(
  link: Link,
  issuer: Link,
  who: string,
  edition: EnvoyEdition,
): RefusalReason | undefined {
  if (!isSupported(link.signature, edition)) {
    return {
      code: 'signature-unsupported',
      sentence: `${who} is signed with an algorithm or parameters that Envoy does not verify`,
    };
  }
  const { keyAlgorithm, publicKey } = issuer;
  if (keyAlgorithm !== undefined && publicKey !== undefined && verifySignature(link.signature, publicKey)) {
    return undefined;
  }
  return {
    code: 'bad-signature',
    sentence: `the key of ${issuer.subject} did not sign ${who}: the certificate is damaged, or another CA with that name signed it`,
  };
}

function checkDates(
  { notBefore, notAfter }: Link,
  role: 'leaf' | 'intermediate' | 'anchor',
  who: string,
  now: number,
): RefusalReason | undefined {
  if (now < notBefore) {
    return { code: `${role}-not-yet-valid`, sentence: `${who} is not valid before ${formatTime(notBefore)}` };
  }
  // In RFC 5280 the second of notAfter is the last valid one; in BoringSSL it is the first invalid one (tried).
  if (now >= notAfter) {
    return { code: `${role}-expired`, sentence: `${who} expired at ${formatTime(notAfter)}` };
  }
  return undefined;
}

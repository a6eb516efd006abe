import { verifySignature } from '../x509/signature.ts';
import type { EnvoyEdition } from '../x509/match-names.ts';
import { constraintObjection } from './name-constraints.ts';
import { policyObjection } from './policies.ts';
import type { Link } from './link.ts';
import type { BuiltPath } from './build-path.ts';
import type { Objection } from './verdict.ts';

/** What Envoy has against a complete path at this time, in the order in which it looks. */
export function pathObjection(
  { presented, listed }: BuiltPath,
  now: number,
  edition: EnvoyEdition,
): Objection | undefined {
  const path = [...presented, ...listed];
  return (
    presentedObjection(presented) ??
    signatureOrDateObjection(path, presented.length, now) ??
    constraintObjection(path, edition) ??
    policyObjection(path)
  );
}

/** Of what was sent. Anchors may have what extensions and path lengths they like. */
function presentedObjection(presented: readonly Link[]): Objection | undefined {
  /** Certificates so far that count for path lengths: those that are not self-issued. */
  let length = 0;
  for (const [index, link] of presented.entries()) {
    const who = index === 0 ? 'the leaf' : `the intermediate ${link.subject}`;
    if (link.unknownCritical) {
      return {
        code: 'unknown-critical-extension',
        sentence: `${who} has a critical extension that Envoy does not know`,
      };
    }
    if (index > 0 && !isAuthority(link)) {
      return {
        code: 'intermediate-not-ca',
        sentence: `${who} is not a CA: its basic constraints do not say so`,
      };
    }
    const allowed = link.basicConstraints?.pathLength;
    if (index > 0 && !link.selfIssued && allowed !== undefined && length > allowed + 1) {
      const between = `${allowed} intermediate${allowed === 1 ? '' : 's'} below it, and there are ${length - 1}`;
      return { code: 'path-too-long', sentence: `${who} allows ${between}` };
    }
    if (!link.selfIssued) length += 1;
  }
  return undefined;
}

function isAuthority({ basicConstraints, keyUsage }: Link): boolean {
  return basicConstraints?.ca === true && keyUsage?.keyCertSign !== false;
}

/** From the anchor down, of each first the signature and then the dates; an anchor's own signature is not looked at. */
function signatureOrDateObjection(
  path: readonly Link[],
  presented: number,
  now: number,
): Objection | undefined {
  for (const [index, link] of [...path.entries()].toReversed()) {
    const issuer = path[index + 1];
    const role = index === 0 ? 'leaf' : index < presented ? 'intermediate' : 'anchor';
    const who = index === 0 ? 'the leaf' : `the ${role} ${link.subject}`;
    const objection =
      (issuer && signatureObjection(link, issuer, who)) ?? dateObjection(link, role, who, now);
    if (objection !== undefined) return objection;
  }
  return undefined;
}

function signatureObjection(link: Link, issuer: Link, who: string): Objection | undefined {
  if (link.signature.method === undefined) {
    return {
      code: 'signature-unsupported',
      sentence: `${who} was signed with an algorithm, or parameters of it, that Envoy does not verify`,
    };
  }
  const { keyAlgorithm, publicKey } = issuer;
  if (keyAlgorithm !== undefined && publicKey !== undefined && verifySignature(link.signature, publicKey)) {
    return undefined;
  }
  return {
    code: 'bad-signature',
    sentence: `the key of ${issuer.subject} did not sign ${who}: it was damaged, or is of another CA with that name`,
  };
}

function dateObjection(
  { notBefore, notAfter }: Link,
  role: 'leaf' | 'intermediate' | 'anchor',
  who: string,
  now: number,
): Objection | undefined {
  if (now < notBefore) {
    return { code: `${role}-not-yet-valid`, sentence: `${who} is valid only from ${dateOf(notBefore)}` };
  }
  // By RFC 5280 this second is the last that is valid; to BoringSSL it is the first that is not. Tried.
  if (now >= notAfter) {
    return { code: `${role}-expired`, sentence: `${who} expired at ${dateOf(notAfter)}` };
  }
  return undefined;
}

function dateOf(time: number): string {
  return new Date(time).toISOString().replace('.000Z', 'Z');
}

import { hasSigned } from './chain-certificate.ts';
import type { ChainCertificate, IssuerIndex } from './chain-certificate.ts';
import { areNamesAllowed } from './names-allowed.ts';

/**
 * The most certificates that one search considers as issuers, each with a signature. TLS verifies as many for a
 * handshake. Only a client that sends many certificates of one name needs more.
 */
const mostConsidered = 100;

/** The use of a key for the certificates of TLS clients, and for everything (RFC 5280, section 4.2.1.12). */
const clientUses = ['1.3.6.1.5.5.7.3.2', '2.5.29.37.0'];

/** The result of a search. `unknown`: the client sent so much that the search was ended. */
export type ChainSearch =
  /** `until`: the time at which the first certificate above the leaf expires, in epoch milliseconds. */
  { readonly kind: 'found'; readonly until: number } | { readonly kind: 'none' | 'unknown' };

/**
 * Searches a valid chain from a leaf to a root. It tries every chain, whereas OpenSSL builds only one: a client that
 * TLS accepts has a chain here. A chain of signatures alone is not enough: the owner of any leaf can sign a certificate
 * that has the name and the key of a removed CA.
 * @param now epoch milliseconds
 */
export function findChain(
  leaf: ChainCertificate,
  sets: readonly IssuerIndex[],
  isRoot: (certificate: ChainCertificate) => boolean,
  now: number,
): ChainSearch {
  let left = mostConsidered;

  function search(path: readonly ChainCertificate[], last: ChainCertificate): number | undefined {
    if (isRoot(last)) return areNamesAllowed(path) ? Number.POSITIVE_INFINITY : undefined;
    for (const set of sets)
      for (const issuer of set.issuersOf(last)) {
        if (path.includes(issuer)) continue;
        left -= 1;
        if (left < 0) return undefined;
        const until = timeAbove(path, issuer, now);
        if (until === undefined || !hasSigned(issuer, last)) continue;
        const found = search([...path, issuer], issuer);
        if (found !== undefined) return Math.min(found, until);
      }
    return undefined;
  }

  const until = search([leaf], leaf);
  if (until !== undefined) return { kind: 'found', until };
  return { kind: left < 0 ? 'unknown' : 'none' };
}

/**
 * Returns whether a certificate of a set is above a leaf, by signatures alone; `undefined` if the client sent so much
 * that the search was ended.
 */
export function isBelow(
  leaf: ChainCertificate,
  sets: readonly IssuerIndex[],
  isSought: (certificate: ChainCertificate) => boolean,
): boolean | undefined {
  // Iteration over a Set includes the elements that are added during it.
  const found = new Set([leaf]);
  let left = mostConsidered;
  for (const one of found) {
    if (isSought(one)) return true;
    for (const set of sets)
      for (const issuer of set.issuersOf(one)) {
        if (found.has(issuer)) continue;
        left -= 1;
        if (left < 0) return undefined;
        if (hasSigned(issuer, one)) found.add(issuer);
      }
  }
  return false;
}

/** Returns until when a certificate may be the issuer at the end of a path; `undefined` if it may not be it now. */
function timeAbove(
  path: readonly ChainCertificate[],
  { x509, fields }: ChainCertificate,
  now: number,
): number | undefined {
  if (fields === undefined) return undefined;
  const { notBefore, notAfter, version, extensions } = fields.parts;
  if (now < notBefore || now > notAfter) return undefined;
  const { basicConstraints, keyUsage } = extensions;
  const isOldRoot = version === 1 && fields.subject === fields.issuer;
  // As in OpenSSL. `checkIssued` has compared the key usage with that of a CA, if it is present.
  const isCa = basicConstraints?.ca ?? (isOldRoot || keyUsage !== undefined);
  if (!isCa) return undefined;
  const uses = x509.keyUsage as readonly string[] | undefined;
  if (uses !== undefined && !clientUses.some((use) => uses.includes(use))) return undefined;
  const between = path.slice(1).filter((one) => one.fields?.subject !== one.fields?.issuer).length;
  return between > (basicConstraints?.pathLength ?? Number.POSITIVE_INFINITY) ? undefined : notAfter;
}

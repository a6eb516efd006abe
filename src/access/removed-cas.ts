import { X509Certificate } from 'node:crypto';
import type { ClaimedCertificate } from './claim.ts';

/** The CA certificates of clients that were removed since the start. */
export interface RemovedCas {
  /** Called with the CA certificates in force: at the start, and after each change. */
  update(inForce: readonly X509Certificate[]): void;
  /**
   * True if the certificate is below a removed CA, and no chain leads from it to a root in force. As with TLS, a chain
   * consists of certificates that the client sent and of those in force, and an intermediate in force is no root.
   */
  include(certificate: ClaimedCertificate): boolean;
}

/** The most removed CA certificates that are remembered: a file can have all roots of an operating system. */
const mostRemoved = 1_000;
/**
 * The most signatures that are verified for one question. Only a client that sends many certificates with the names of
 * others needs more. It is unknown then which CA it has, so it counts as one of a removed CA.
 */
const mostVerified = 1_000;

/**
 * Creates a memory of removed CA certificates. TLS verifies a certificate when the connection begins, which may be long
 * before a stream. A CA of which nothing is known here is no reason to refuse: TLS may have read the changed file
 * first. Once more than `most` were removed, it may be one of those that were forgotten, so it is refused.
 */
export function createRemovedCas(most = mostRemoved): RemovedCas {
  let current = new Map<string, X509Certificate>();
  let removed = new Map<string, X509Certificate>();
  let hasForgotten = false;
  return {
    update(inForce) {
      const next = new Map(inForce.map((ca) => [ca.fingerprint256, ca]));
      const gone = [...removed, ...current].filter(([fingerprint]) => !next.has(fingerprint));
      removed = new Map(gone.slice(-most));
      hasForgotten ||= gone.length > most;
      current = next;
    },
    include(certificate) {
      if (removed.size === 0 && !hasForgotten) return false;
      // All that the client sent: those that are below no removed CA may be there to hide the others.
      const [leaf, ...sent] = [certificate.leaf, ...certificate.chain].flatMap(read);
      if (leaf === undefined) return false;
      const known = above(leaf, [...sent, ...current.values(), ...removed.values()]);
      if (known === undefined) return true;
      if (!hasForgotten && !known.some(({ fingerprint256 }) => removed.has(fingerprint256))) return false;
      const inForce = above(leaf, [...sent, ...current.values()]);
      return inForce?.some((one) => current.has(one.fingerprint256) && isIssuedBy(one, one)) !== true;
    },
  };
}

/** Returns a certificate, and those of the others that are above it; `undefined` if that takes too many signatures. */
function above(
  certificate: X509Certificate,
  others: readonly X509Certificate[],
): readonly X509Certificate[] | undefined {
  // Iteration over a Set includes the elements that are added during it.
  const found = new Set([certificate]);
  let verified = 0;
  for (const one of found)
    for (const other of others) {
      if (found.has(other) || !names(one, other)) continue;
      verified += 1;
      if (verified > mostVerified) return undefined;
      if (isSignedBy(one, other)) found.add(other);
    }
  return [...found];
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return names(certificate, issuer) && isSignedBy(certificate, issuer);
}

/** Returns whether a certificate names another one as its issuer. */
function names(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer);
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    // A key that cannot be used verifies nothing.
    return false;
  }
}

function read(der: Uint8Array): readonly X509Certificate[] {
  try {
    return [new X509Certificate(der)];
  } catch {
    return [];
  }
}

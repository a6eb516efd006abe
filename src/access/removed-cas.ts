import { X509Certificate } from 'node:crypto';
import type { ClaimedCertificate } from './claim.ts';

/** The CA certificates of clients that were removed since the start. */
export interface RemovedCas {
  /** Called with the CA certificates in force: at the start, and after each change. */
  update(inForce: readonly X509Certificate[]): void;
  /** True if the certificate is of a removed CA, and of none in force. */
  include(certificate: ClaimedCertificate): boolean;
}

/** The most removed CA certificates that are remembered, and the most certificates of a client that are looked at. */
const mostRemoved = 100;
const mostOfClient = 10;

/**
 * Creates a memory of removed CA certificates. TLS verifies a certificate when the connection begins, which may be long
 * before a stream. A CA of which nothing is known here is no reason to refuse: TLS may have read the changed file first.
 */
export function createRemovedCas(): RemovedCas {
  let current = new Map<string, X509Certificate>();
  let removed = new Map<string, X509Certificate>();
  return {
    update(inForce) {
      const next = new Map(inForce.map((ca) => [ca.fingerprint256, ca]));
      const gone = [...removed, ...current].filter(([fingerprint]) => !next.has(fingerprint));
      removed = new Map(gone.slice(-mostRemoved));
      current = next;
    },
    include(certificate) {
      if (removed.size === 0) return false;
      const path = pathsOf(certificate);
      return reaches(path, removed) && !reaches(path, current);
    },
  };
}

/** Returns the certificate of the client, and those that it sent and that are above it. */
function pathsOf({ leaf, chain }: ClaimedCertificate): readonly X509Certificate[] {
  const [first, ...sent] = [leaf, ...chain.slice(0, mostOfClient)].flatMap(read);
  const found = first === undefined ? [] : [first];
  for (const below of found)
    for (const above of sent) if (!found.includes(above) && isIssuedBy(below, above)) found.push(above);
  return found;
}

function reaches(path: readonly X509Certificate[], cas: ReadonlyMap<string, X509Certificate>): boolean {
  return path.some((one) => cas.has(one.fingerprint256) || cas.values().some((ca) => isIssuedBy(one, ca)));
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
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

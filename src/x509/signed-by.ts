import { X509Certificate } from 'node:crypto';
import { canBeAuthority } from './authority.ts';
import type { Certificate } from './certificate.ts';

const verdicts = new WeakMap<Certificate, WeakMap<Certificate, boolean>>();

/**
 * Whether Envoy chains the child to this issuer: its name is, byte for byte, the one that the child names, the
 * child's authority key identifier does not mean another, and its key verifies the child's signature. Remembered for as long as both objects live, since a verification costs tens of microseconds.
 */
export function signedBy(child: Certificate, issuer: Certificate): boolean {
  if (Buffer.compare(child.issuerDer, issuer.subjectDer) !== 0 || !canBeAuthority(child, issuer))
    return false;
  let known = verdicts.get(child);
  if (known === undefined) verdicts.set(child, (known = new WeakMap()));
  const verdict = known.get(issuer) ?? verify(child, issuer);
  known.set(issuer, verdict);
  return verdict;
}

function verify(child: Certificate, issuer: Certificate): boolean {
  try {
    return new X509Certificate(child.der).verify(new X509Certificate(issuer.der).publicKey);
  } catch {
    // An algorithm that OpenSSL no longer verifies: such a child needs its own anchor anyway.
    return false;
  }
}

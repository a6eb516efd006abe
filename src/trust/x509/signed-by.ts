import { canBeAuthority } from './authority.ts';
import { walkCertificate } from './certificate-walk.ts';
import type { Certificate } from './certificate.ts';
import { readPublicKey, readSignature, verifySignature } from './signature.ts';

const verdicts = new WeakMap<Certificate, WeakMap<Certificate, boolean>>();

/**
 * Whether Envoy chains the child to this issuer: its name is, byte for byte, the one that the child names, the
 * child's authority key identifier does not mean another, and its key verifies the child's signature by an
 * algorithm that Envoy takes. Remembered for as long as both objects live, since a verification costs tens of
 * microseconds.
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
  const key = readPublicKey(issuer.publicKeyDer);
  return key !== undefined && verifySignature(readSignature(child.der, walkCertificate(child.der)), key);
}

import { matchesAuthorityKeyId } from './authority-key-id.ts';
import { walkCertificate } from './certificate-walk.ts';
import type { Certificate } from './certificate.ts';
import { isSameEncodedName } from './canonical-name.ts';
import { readPublicKey, readSignature, verifySignature } from './signature.ts';

const verdicts = new WeakMap<Certificate, WeakMap<Certificate, boolean>>();

/**
 * Returns whether Envoy chains the child to this issuer. The name of the issuer must equal the issuer name of the child
 * in canonical form, and its authority key identifier must match. The key of the issuer must verify the signature of
 * the child with an algorithm that Envoy supports. The result is cached while both objects live, since a verification
 * costs tens of microseconds.
 */
export function signedBy(child: Certificate, issuer: Certificate): boolean {
  if (!isSameEncodedName(child.issuerDer, issuer.subjectDer) || !matchesAuthorityKeyId(child, issuer))
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

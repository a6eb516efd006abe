import type { MeshCertificates } from '../../api/certificate-api-types.ts';
import { decodePem } from '../../trust/pem/decode-pem.ts';
import type { TrustedDomain } from '../../trust/verify/verdict.ts';

/**
 * Returns the trust domains and anchors of the merged secret, by which proxies of a mesh validate clients, from the
 * answer of the admin API.
 */
export function trustedDomains({ trustDomains }: MeshCertificates): readonly TrustedDomain[] {
  return trustDomains.flatMap(({ name, anchors, inJointSecret }) => {
    const present = inJointSecret === undefined ? undefined : new Set(inJointSecret);
    const kept = anchors.filter(({ fingerprint }) => present?.has(fingerprint) !== false);
    // A trust domain without CA certificates is not in the secret.
    if (kept.length === 0) return [];
    return [
      {
        name,
        anchors: kept.flatMap(({ fingerprint, rooting, pem }) =>
          decodePem(pem).flatMap((block) =>
            block.kind === 'certificate' ? [{ fingerprint, rooting, der: block.der }] : [],
          ),
        ),
      },
    ];
  });
}

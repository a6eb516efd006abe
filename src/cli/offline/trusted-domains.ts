import type { MeshCertificates } from '../../api/certificate-api-types.ts';
import { decodePem } from '../../trust/pem/decode-pem.ts';
import type { TrustedDomain } from '../../trust/verify/verdict.ts';

/**
 * What is in the secret of all trust domains, which proxies of a mesh check clients by, from what the admin API
 * says of it.
 */
export function trustedDomains({ trustDomains }: MeshCertificates): readonly TrustedDomain[] {
  return trustDomains.flatMap(({ name, anchors, inJointSecret }) => {
    const present = inJointSecret === undefined ? undefined : new Set(inJointSecret);
    const kept = anchors.filter(({ fingerprint }) => present?.has(fingerprint) !== false);
    // One without authorities is not in the secret at all.
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

import type { ServedAnchor, TrustBundle } from '../trust/bundle/trust-bundle.ts';
import { encodePem } from '../trust/pem/encode-pem.ts';
import type { MeshState } from '../trust/snapshot/mesh-builder.ts';
import type { AnchorCertificate, MeshCertificates } from './certificate-api-types.ts';

/** Returns the certificates that proxies of a mesh get. */
export function presentCertificates({ bundle, secrets }: MeshState): MeshCertificates {
  const merged = new Map(bundle.merged.map((part) => [part.trustDomain, part]));
  return {
    name: bundle.mesh,
    version: secrets.version,
    trustDomains: bundle.bundles.map((whole) => ({
      name: whole.trustDomain,
      anchors: whole.anchors.map(presentAnchor),
      inJointSecret: leftOver(whole, merged.get(whole.trustDomain)),
    })),
  };
}

function presentAnchor({ certificate, der, rooting }: ServedAnchor): AnchorCertificate {
  return { fingerprint: certificate.fingerprint, rooting, pem: encodePem(der) };
}

/** Returns the fingerprints of a trust domain that fit into the secret of all; undefined if all of them do. */
function leftOver(whole: TrustBundle, part: TrustBundle | undefined): readonly string[] | undefined {
  return whole === part ? undefined : (part?.anchors ?? []).map(({ certificate }) => certificate.fingerprint);
}

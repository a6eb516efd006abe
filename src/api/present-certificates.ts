import type { ServedAnchor, TrustBundle } from '../trust/bundle/trust-bundle.ts';
import { encodePem } from '../trust/pem/encode-pem.ts';
import type { MeshState } from '../trust/snapshot/mesh-builder.ts';
import type { AnchorCertificate, MeshCertificates } from './certificate-api-types.ts';

/** The certificates that proxies of a mesh are given to trust. */
export function presentCertificates({ bundle, secrets }: MeshState): MeshCertificates {
  const joint = new Map(bundle.merged.map((part) => [part.trustDomain, part]));
  return {
    name: bundle.mesh,
    version: secrets.version,
    trustDomains: bundle.bundles.map((whole) => ({
      name: whole.trustDomain,
      anchors: whole.anchors.map(presentAnchor),
      inJointSecret: leftOver(whole, joint.get(whole.trustDomain)),
    })),
  };
}

function presentAnchor({ certificate, der, rooting }: ServedAnchor): AnchorCertificate {
  return { fingerprint: certificate.fingerprint, rooting, pem: encodePem(der) };
}

/** What is left of a trust domain in the secret of all; undefined where that is the whole of it. */
function leftOver(whole: TrustBundle, part: TrustBundle | undefined): readonly string[] | undefined {
  return whole === part ? undefined : (part?.anchors ?? []).map(({ certificate }) => certificate.fingerprint);
}

import { compareText } from '../text/compare-text.ts';
import type { IdentityView } from '../trust/identity/identity-stage.ts';
import type { TrustBlock } from '../trust/model/mesh-trust.ts';
import type { Certificate } from '../trust/x509/certificate.ts';
import type { IdentityCertificate, IdentityDetail } from './identity-api-types.ts';
import { presentTime } from './present-time.ts';

/** Returns the MeshIdentities for the API, sorted by mesh, namespace and name. */
export function presentIdentities(views: readonly IdentityView[]): readonly IdentityDetail[] {
  return views
    .toSorted((a, b) => compareText(a.identity, b.identity))
    .map(({ identity, path, kri, outcome, resources, superseded }) => {
      const [mesh = '', namespace = '', name = ''] = identity.split('/');
      return {
        mesh,
        namespace,
        name,
        path,
        kri,
        state: outcome,
        trustDomains: resources.map(({ trustDomain, blocks }) => ({
          name: trustDomain,
          certificates: blocks.flatMap(presentBlock),
        })),
        superseded: superseded.map(({ trustDomain, anchor, until }) => ({
          ...presentCertificate(anchor.certificate),
          trustDomain,
          until: presentTime(until),
        })),
      };
    });
}

function presentBlock(block: TrustBlock): readonly IdentityCertificate[] {
  return block.kind === 'anchor' ? [presentCertificate(block.certificate)] : [];
}

function presentCertificate({ fingerprint, subject }: Certificate): IdentityCertificate {
  return { fingerprint, subject };
}

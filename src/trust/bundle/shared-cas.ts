import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import { originOf } from '../identity/derived-identity.ts';
import type { Identity, TrustDomain } from '../model/mesh-trust.ts';
import { describeCa } from './describe-ca.ts';
import type { ServedAnchor, TrustBundle } from './trust-bundle.ts';

/** The first trust domain with a key, and the resources that list it there. */
interface Owner {
  readonly trustDomain: TrustDomain;
  readonly listedBy: readonly Identity[];
}

/** The last finding about each shared CA. A mesh can have thousands, and a change affects few of them. */
const lastFindings = new WeakMap<ServedAnchor, { readonly owner: TrustDomain; readonly finding: Finding }>();

/** Returns a finding for each CA whose key an earlier trust domain of the mesh has, too. */
export function findSharedCas(mesh: string, bundles: readonly TrustBundle[]): readonly Finding[] {
  const owners = new Map<string, Owner>();
  const findings: Finding[] = [];
  for (const { trustDomain, anchors } of bundles) {
    for (const anchor of anchors) {
      const { certificate, listedBy } = anchor;
      const owner = owners.get(certificate.keyHash);
      if (owner === undefined) {
        owners.set(certificate.keyHash, { trustDomain, listedBy });
      } else if (owner.trustDomain !== trustDomain && !haveSameOrigin(owner.listedBy, listedBy)) {
        findings.push(findingOf(anchor, mesh, trustDomain, owner.trustDomain));
      }
    }
  }
  return findings;
}

function findingOf(
  anchor: ServedAnchor,
  mesh: string,
  trustDomain: TrustDomain,
  owner: TrustDomain,
): Finding {
  const last = lastFindings.get(anchor);
  if (last?.owner === owner && last.finding.trustDomain === trustDomain && last.finding.mesh === mesh)
    return last.finding;
  const { certificate, listedBy, place } = anchor;
  const message = `${describeCa(certificate)} is also a CA of trust domain ${owner}; its owner can issue certificates for clients of both trust domains`;
  const { fingerprint } = certificate;
  const made = finding('MT026', message, {
    resource: listedBy[0],
    ...place,
    mesh,
    trustDomain,
    fingerprint,
  });
  lastFindings.set(anchor, { owner, finding: made });
  return made;
}

/** Returns whether both CAs follow from one MeshIdentity. It has one CA in the trust domains of all its zones. */
function haveSameOrigin(a: readonly Identity[], b: readonly Identity[]): boolean {
  const origin = singleOriginOf(a);
  return origin !== undefined && origin === singleOriginOf(b);
}

/** Returns the MeshIdentity from which all of the resources follow, if there is one. */
function singleOriginOf(listedBy: readonly Identity[]): Identity | undefined {
  const [first, ...others] = listedBy.map(originOf);
  return others.every((other) => other === first) ? first : undefined;
}

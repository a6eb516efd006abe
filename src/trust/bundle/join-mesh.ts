import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import { caNamesLimit, countNames, forgetNames } from './ca-names.ts';
import { describeCa } from './describe-ca.ts';
import type { TrustBundle } from './trust-bundle.ts';

/** What one mesh trusts, and which part of it goes into the secret of all trust domains. */
export interface MeshBundle {
  readonly mesh: string;
  /** Every trust domain that is listed, sorted by name. */
  readonly bundles: readonly TrustBundle[];
  /** The bundles of the secret that holds all: the same, or less of them where all would not fit. */
  readonly merged: readonly TrustBundle[];
  readonly findings: readonly Finding[];
}

export interface MeshInput {
  readonly mesh: string;
  readonly bundles: readonly TrustBundle[];
  /** The mesh as it was served last. */
  readonly previous?: MeshBundle | undefined;
  /** Builds a trust domain again from those of its listed certificates that are in the set alone. */
  readonly restrict: (bundle: TrustBundle, fingerprints: ReadonlySet<string>) => TrustBundle;
}

/** Joins the bundles of a mesh: what they have in common, and what fits into one secret. */
export function joinMesh({ mesh, bundles, previous, restrict }: MeshInput): MeshBundle {
  const sorted = bundles.toSorted((a, b) => (a.trustDomain < b.trustDomain ? -1 : 1));
  const shared = sharedAuthorities(mesh, sorted);
  // Counting the distinct names of all takes its time, and is not needed where the sum over all fits.
  const sum = sorted.reduce((total, bundle) => total + bundle.caNamesSize, 0);
  const size = sum <= caNamesLimit ? sum : countNames(sorted).size;
  if (size <= caNamesLimit) return { mesh, bundles: sorted, merged: sorted, findings: shared };
  const { merged, how } = fit(sorted, previous, restrict);
  const over = finding(
    'MT031',
    `the subjects of the CAs of mesh ${mesh} take ${size} bytes, more than the ${caNamesLimit} that a TLS handshake carries; ${how}`,
    { mesh },
  );
  const present = new Set(merged.map((bundle) => bundle.trustDomain));
  const leftOut = sorted
    .filter(({ trustDomain }) => !present.has(trustDomain))
    .map(({ trustDomain }) =>
      finding(
        'MT032',
        `trust domain ${trustDomain} does not fit into the secret of all trust domains and is left out of it`,
        { mesh, trustDomain },
      ),
    );
  return { mesh, bundles: sorted, merged, findings: [over, ...leftOut, ...shared] };
}

function fit(
  bundles: readonly TrustBundle[],
  previous: MeshBundle | undefined,
  restrict: MeshInput['restrict'],
): { readonly merged: readonly TrustBundle[]; readonly how: string } {
  if (previous !== undefined && previous.merged.length > 0) {
    const served = new Set(
      previous.merged.flatMap(({ anchors }) => anchors.map(({ certificate }) => certificate.fingerprint)),
    );
    const before = new Set(previous.merged.map((bundle) => bundle.trustDomain));
    const merged = bundles
      .filter((bundle) => before.has(bundle.trustDomain))
      .map((bundle) => restrict(bundle, served));
    if (countNames(merged).size <= caNamesLimit)
      return { merged, how: 'the CAs that were served before and are still listed are served' };
  }
  const count = countNames(bundles);
  const leftOut = new Set<TrustBundle>();
  for (const bundle of bundles.toSorted((x, y) => y.caNamesSize - x.caNamesSize)) {
    if (count.size <= caNamesLimit) break;
    forgetNames(count, bundle.anchors);
    leftOut.add(bundle);
  }
  return {
    merged: bundles.filter((bundle) => !leftOut.has(bundle)),
    how: 'the largest trust domains are left out',
  };
}

function sharedAuthorities(mesh: string, bundles: readonly TrustBundle[]): readonly Finding[] {
  const seen = new Map<string, TrustDomain>();
  const findings: Finding[] = [];
  for (const { trustDomain, anchors } of bundles) {
    for (const { certificate, place, listedBy } of anchors) {
      const other = seen.get(certificate.keyHash);
      if (other === undefined) seen.set(certificate.keyHash, trustDomain);
      if (other === undefined || other === trustDomain) continue;
      const message = `${describeCa(certificate)} is a CA of trust domain ${other} too; its owner can issue for clients of both trust domains`;
      const { fingerprint } = certificate;
      const detail = { resource: listedBy[0], ...place, mesh, trustDomain, fingerprint };
      findings.push(finding('MT026', message, detail));
    }
  }
  return findings;
}

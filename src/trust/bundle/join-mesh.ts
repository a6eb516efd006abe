import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import { originOf } from '../identity/derived-identity.ts';
import type { Identity } from '../model/mesh-trust.ts';
import { caNamesLimit, countNames, removeNames } from './ca-names.ts';
import { describeCa } from './describe-ca.ts';
import type { TrustBundle } from './trust-bundle.ts';
import { compareText } from '../../text/compare-text.ts';

/** The bundles of one mesh, and the part of them that the secret of all trust domains contains. */
export interface MeshBundle {
  readonly mesh: string;
  /** All listed trust domains, sorted by name. */
  readonly bundles: readonly TrustBundle[];
  /** The bundles in the secret of all trust domains: the same array, or fewer CAs if all would not fit. */
  readonly merged: readonly TrustBundle[];
  readonly findings: readonly Finding[];
}

/** The input of `joinMesh`. */
export interface MeshInput {
  readonly mesh: string;
  readonly bundles: readonly TrustBundle[];
  /** The mesh as it was last served. */
  readonly previous?: MeshBundle | undefined;
  /** Rebuilds the bundle of a trust domain from only those listed certificates whose fingerprint is in the set. */
  readonly restrict: (bundle: TrustBundle, fingerprints: ReadonlySet<string>) => TrustBundle;
}

/** Joins the bundles of a mesh. Reports CAs that several trust domains share, and limits the merged secret in size. */
export function joinMesh({ mesh, bundles, previous, restrict }: MeshInput): MeshBundle {
  const sorted = bundles.toSorted((a, b) => compareText(a.trustDomain, b.trustDomain));
  const shared = findSharedCas(mesh, sorted);
  // Counting the distinct names of all bundles is slow, and is not needed if the sum of the sizes fits.
  const sum = sorted.reduce((total, bundle) => total + bundle.caNamesSize, 0);
  const size = sum <= caNamesLimit ? sum : countNames(sorted).size;
  if (size <= caNamesLimit) return { mesh, bundles: sorted, merged: sorted, findings: shared };
  const { merged, how } = fitIntoLimit(sorted, previous, restrict);
  const over = finding(
    'MT031',
    `the subjects of the CAs of mesh ${mesh} take ${size} bytes, more than the ${caNamesLimit} that fit into a TLS handshake; ${how}`,
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

function fitIntoLimit(
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
      return { merged, how: 'only the CAs that were served before and are still listed are served' };
  }
  const count = countNames(bundles);
  const leftOut = new Set<TrustBundle>();
  for (const bundle of bundles.toSorted((x, y) => y.caNamesSize - x.caNamesSize)) {
    if (count.size <= caNamesLimit) break;
    removeNames(count, bundle.anchors);
    leftOut.add(bundle);
  }
  return {
    merged: bundles.filter((bundle) => !leftOut.has(bundle)),
    how: 'the largest trust domains are left out',
  };
}

function findSharedCas(mesh: string, bundles: readonly TrustBundle[]): readonly Finding[] {
  const seen = new Map<
    string,
    { readonly trustDomain: TrustDomain; readonly origin: Identity | undefined }
  >();
  const findings: Finding[] = [];
  for (const { trustDomain, anchors } of bundles) {
    for (const { certificate, place, listedBy } of anchors) {
      const other = seen.get(certificate.keyHash);
      const origin = singleOriginOf(listedBy);
      if (other === undefined) seen.set(certificate.keyHash, { trustDomain, origin });
      if (other === undefined || other.trustDomain === trustDomain) continue;
      // A MeshIdentity for several zones has one CA in the trust domains of all of them.
      if (origin !== undefined && origin === other.origin) continue;
      const message = `${describeCa(certificate)} is also a CA of trust domain ${other.trustDomain}; its owner can issue certificates for clients of both trust domains`;
      const { fingerprint } = certificate;
      const detail = { resource: listedBy[0], ...place, mesh, trustDomain, fingerprint };
      findings.push(finding('MT026', message, detail));
    }
  }
  return findings;
}

/** Returns the MeshIdentity from which all of the resources follow, if there is one. */
function singleOriginOf(listedBy: readonly Identity[]): Identity | undefined {
  const origins = new Set(listedBy.map(originOf));
  return origins.size === 1 ? [...origins][0] : undefined;
}

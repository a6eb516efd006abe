import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Certificate } from '../x509/certificate.ts';
import { caNamesLimit, countNames } from './ca-names.ts';
import { fitIntoLimit } from './fit-into-limit.ts';
import { findSharedCas } from './shared-cas.ts';
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
  /** Rebuilds the bundle of a trust domain from only those listed certificates that are admitted. */
  readonly restrict: (bundle: TrustBundle, isAdmitted: (certificate: Certificate) => boolean) => TrustBundle;
}

/** The findings about bundles that are left out. A mesh can have thousands, and a change affects few of them. */
const leftOutFindings = new WeakMap<TrustBundle, Finding>();

/** Joins the bundles of a mesh. Reports CAs that several trust domains share, and limits the merged secret in size. */
export function joinMesh({ mesh, bundles, previous, restrict }: MeshInput): MeshBundle {
  const sorted = bundles.toSorted((a, b) => compareText(a.trustDomain, b.trustDomain));
  const shared = findSharedCas(mesh, sorted);
  // Counting the distinct names of all bundles is slow, and is not needed if the sum of the sizes fits.
  const sum = sorted.reduce((total, bundle) => total + bundle.caNamesSize, 0);
  const size = sum <= caNamesLimit ? sum : countNames(sorted).size;
  if (size <= caNamesLimit) return { mesh, bundles: sorted, merged: sorted, findings: shared };
  const { merged, how, isLocalWhole } = fitIntoLimit(sorted, previous, restrict);
  const over = finding(
    'MT031',
    `the subjects of the CAs of mesh ${mesh} take ${size} bytes, more than the ${caNamesLimit} that fit into a TLS handshake; ${how}`,
    { mesh },
    // A person can do nothing here about the names of other parties, and no change of this zone must wait for them.
    isLocalWhole ? 'warning' : undefined,
  );
  const present = new Set(
    merged.flatMap(({ trustDomain, anchors }) => (anchors.length > 0 ? trustDomain : [])),
  );
  const leftOut = sorted
    .filter(({ trustDomain, anchors }) => anchors.length > 0 && !present.has(trustDomain))
    .map(leftOutFinding);
  return { mesh, bundles: sorted, merged, findings: [over, ...leftOut, ...shared] };
}

function leftOutFinding(bundle: TrustBundle): Finding {
  let known = leftOutFindings.get(bundle);
  if (known === undefined) {
    const { mesh, trustDomain } = bundle;
    const message = `trust domain ${trustDomain} does not fit into the secret of all trust domains and is left out of it`;
    leftOutFindings.set(bundle, (known = finding('MT032', message, { mesh, trustDomain })));
  }
  return known;
}

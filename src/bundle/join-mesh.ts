import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import { nameKey } from './name-key.ts';
import type { TrustBundle } from './trust-bundle.ts';

/**
 * The most that the names of all authorities of one secret may take, in bytes. Envoy lists them in each
 * handshake; above about 65,000 it acknowledges the secret and then fails every handshake.
 */
export const caNamesLimit = 60_000;

/** What one mesh trusts, and which part of it goes into the secret of all trust domains. */
export interface MeshBundle {
  readonly mesh: string;
  /** Every trust domain that is listed, sorted by name. */
  readonly bundles: readonly TrustBundle[];
  /** The bundles of the secret that holds all: the same, or less of them where all would not fit. */
  readonly joint: readonly TrustBundle[];
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
  const size = caNamesSize(sorted);
  if (size <= caNamesLimit) return { mesh, bundles: sorted, joint: sorted, findings: shared };
  const { joint, how } = fit(sorted, previous, restrict);
  const over = finding(
    'MT031',
    `the names of its authorities take ${size} bytes, more than the ${caNamesLimit} that a handshake carries; ${how}`,
    { mesh },
  );
  const present = new Set(joint.map((bundle) => bundle.trustDomain));
  const leftOut = sorted
    .filter(({ trustDomain }) => !present.has(trustDomain))
    .map(({ trustDomain }) =>
      finding(
        'MT032',
        `trust domain ${trustDomain} is left out of the secret of all trust domains, which it does not fit into`,
        { mesh, trustDomain },
      ),
    );
  return { mesh, bundles: sorted, joint, findings: [over, ...leftOut, ...shared] };
}

/** Bytes that the distinct subject names of all anchors take in a CertificateRequest (RFC 5246, 7.4.4). */
export function caNamesSize(bundles: readonly TrustBundle[]): number {
  return countNames(bundles).size;
}

interface NameCount {
  readonly uses: Map<string, number>;
  size: number;
}

function countNames(bundles: readonly TrustBundle[]): NameCount {
  const count: NameCount = { uses: new Map(), size: 0 };
  for (const { anchors } of bundles) {
    for (const { certificate } of anchors) {
      const name = nameKey(certificate.subjectDer);
      const uses = count.uses.get(name) ?? 0;
      if (uses === 0) count.size += name.length + 2;
      count.uses.set(name, uses + 1);
    }
  }
  return count;
}

function forget(count: NameCount, { anchors }: TrustBundle): void {
  for (const { certificate } of anchors) {
    const name = nameKey(certificate.subjectDer);
    const uses = count.uses.get(name) ?? 0;
    if (uses === 1) count.size -= name.length + 2;
    count.uses.set(name, uses - 1);
  }
}

function fit(
  bundles: readonly TrustBundle[],
  previous: MeshBundle | undefined,
  restrict: MeshInput['restrict'],
): { readonly joint: readonly TrustBundle[]; readonly how: string } {
  if (previous !== undefined && previous.joint.length > 0) {
    const served = new Set(
      previous.joint.flatMap(({ anchors }) => anchors.map(({ certificate }) => certificate.fingerprint)),
    );
    const before = new Set(previous.joint.map((bundle) => bundle.trustDomain));
    const joint = bundles
      .filter((bundle) => before.has(bundle.trustDomain))
      .map((bundle) => restrict(bundle, served));
    if (caNamesSize(joint) <= caNamesLimit)
      return { joint, how: 'what was served last is served, less what is no longer listed' };
  }
  const count = countNames(bundles);
  const leftOut = new Set<TrustBundle>();
  const sizes = bundles.map((bundle) => ({ bundle, size: caNamesSize([bundle]) }));
  for (const { bundle } of sizes.sort((a, b) => b.size - a.size)) {
    if (count.size <= caNamesLimit) break;
    forget(count, bundle);
    leftOut.add(bundle);
  }
  return {
    joint: bundles.filter((bundle) => !leftOut.has(bundle)),
    how: 'the largest trust domains are left out',
  };
}

function sharedAuthorities(mesh: string, bundles: readonly TrustBundle[]): readonly Finding[] {
  const seen = new Map<string, TrustDomain>();
  const findings: Finding[] = [];
  for (const { trustDomain, anchors } of bundles) {
    for (const { certificate, listedBy } of anchors) {
      const other = seen.get(certificate.keyHash);
      if (other === undefined) seen.set(certificate.keyHash, trustDomain);
      if (other === undefined || other === trustDomain) continue;
      const message = `is an authority of ${other} too: who holds its key can name any client of both trust domains`;
      const { fingerprint } = certificate;
      findings.push(finding('MT026', message, { mesh, trustDomain, fingerprint, resource: listedBy[0] }));
    }
  }
  return findings;
}

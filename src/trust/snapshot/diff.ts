import type { TrustBundle } from '../bundle/trust-bundle.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import type { MeshState, MeshStates } from './mesh-builder.ts';

/**
 * The fingerprints of added and removed anchors of one trust domain between two states of a mesh. Both lists are empty
 * if proxies get the same anchors in another form.
 */
export interface TrustDomainChange {
  readonly trustDomain: TrustDomain;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** The changes of one mesh between two states. */
export interface MeshChange {
  readonly mesh: string;
  readonly version: string;
  readonly denyAll: boolean;
  readonly trustDomains: readonly TrustDomainChange[];
}

/** Returns the meshes whose secrets differ, that is, the changes that would be pushed. */
export function diffMeshes(before: MeshStates, after: MeshStates): readonly MeshChange[] {
  const changes: MeshChange[] = [];
  for (const [mesh, state] of after) {
    const earlier = before.get(mesh);
    if (earlier === state || meshVersion(earlier) === meshVersion(state)) continue;
    const { denyAll } = state.secrets;
    changes.push({
      mesh,
      version: meshVersion(state),
      denyAll,
      trustDomains: diffTrustDomains(earlier, state),
    });
  }
  return changes;
}

/** Returns the version of a mesh: a hash of all its secrets, or an empty string without a state. */
function meshVersion(state: MeshState | undefined): string {
  return state?.secrets.version ?? '';
}

function diffTrustDomains(one: MeshState | undefined, other: MeshState): readonly TrustDomainChange[] {
  // Most bundles are unchanged, and unchanged bundles keep their objects.
  const earlier = bundlesNotIn(one?.bundle.bundles ?? [], other.bundle.bundles);
  const later = bundlesNotIn(other.bundle.bundles, one?.bundle.bundles ?? []);
  const [shares, laterShares] = [sharesOf(one), sharesOf(other)];
  const names = [...new Set([...earlier.keys(), ...later.keys()])].sort();
  return names.flatMap((trustDomain) => {
    const [own, laterOwn] = [earlier.get(trustDomain), later.get(trustDomain)];
    // Bundles also differ if another resource lists the same anchors. Proxies see no change then.
    const isSame =
      isSentAlike(own, laterOwn) && isSentAlike(shares.get(trustDomain), laterShares.get(trustDomain));
    if (isSame) return [];
    const [before, after] = [fingerprintsOf(own), fingerprintsOf(laterOwn)];
    return {
      trustDomain,
      added: [...after].filter((fingerprint) => !before.has(fingerprint)),
      removed: [...before].filter((fingerprint) => !after.has(fingerprint)),
    };
  });
}

/** Returns the parts of the secret of all trust domains, by trust domain. */
function sharesOf(state: MeshState | undefined): ReadonlyMap<TrustDomain, TrustBundle> {
  return new Map(state?.bundle.merged.map((share) => [share.trustDomain, share]));
}

/** Returns whether two bundles have the same certificates, in the same form and order. */
function isSentAlike(one: TrustBundle | undefined, other: TrustBundle | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || one.anchors.length !== other?.anchors.length) return false;
  return one.anchors.every(({ certificate, rooting }, index) => {
    const anchor = other.anchors[index];
    return anchor?.certificate.fingerprint === certificate.fingerprint && anchor.rooting === rooting;
  });
}

/** Returns the bundles whose objects are not in `known`, by trust domain. */
function bundlesNotIn(
  bundles: readonly TrustBundle[],
  known: readonly TrustBundle[],
): ReadonlyMap<TrustDomain, TrustBundle> {
  const objects = new Set(known);
  return new Map(
    bundles.filter((bundle) => !objects.has(bundle)).map((bundle) => [bundle.trustDomain, bundle]),
  );
}

function fingerprintsOf(bundle: TrustBundle | undefined): ReadonlySet<string> {
  return new Set(bundle?.anchors.map(({ certificate }) => certificate.fingerprint));
}

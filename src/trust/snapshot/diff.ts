import type { TrustBundle } from '../bundle/trust-bundle.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import type { MeshState, MeshStates } from './mesh-builder.ts';

/** What differs in one trust domain between two states of a mesh; anchors by fingerprint. */
export interface TrustDomainChange {
  readonly trustDomain: TrustDomain;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** What differs in what proxies of one mesh are served. */
export interface MeshChange {
  readonly mesh: string;
  readonly version: string;
  readonly denyAll: boolean;
  readonly trustDomains: readonly TrustDomainChange[];
}

/** What would be pushed: the meshes whose secrets differ. */
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

/** The version of a mesh: a hash of all its secrets. */
export function meshVersion(state: MeshState | undefined): string {
  return state?.secrets.version ?? '';
}

function diffTrustDomains(before: MeshState | undefined, after: MeshState): readonly TrustDomainChange[] {
  // Unchanged bundles keep their objects, and most are unchanged.
  const earlier = others(before?.bundle.bundles ?? [], after.bundle.bundles);
  const later = others(after.bundle.bundles, before?.bundle.bundles ?? []);
  const names = [...new Set([...earlier.keys(), ...later.keys()])].sort();
  return names.map((trustDomain) => {
    const had = fingerprintsOf(earlier.get(trustDomain));
    const has = fingerprintsOf(later.get(trustDomain));
    return {
      trustDomain,
      added: [...has].filter((fingerprint) => !had.has(fingerprint)),
      removed: [...had].filter((fingerprint) => !has.has(fingerprint)),
    };
  });
}

/** The bundles that are not among the known ones, by their names. */
function others(
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

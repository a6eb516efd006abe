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
  const earlier = new Map(before?.bundle.bundles.map((bundle) => [bundle.trustDomain, bundle]));
  const later = new Map(after.bundle.bundles.map((bundle) => [bundle.trustDomain, bundle]));
  const names = [...new Set([...earlier.keys(), ...later.keys()])].sort();
  return names.flatMap((trustDomain) => {
    const [a, b] = [earlier.get(trustDomain), later.get(trustDomain)];
    if (a === b) return [];
    const had = new Set(a?.anchors.map(({ certificate }) => certificate.fingerprint));
    const has = new Set(b?.anchors.map(({ certificate }) => certificate.fingerprint));
    return [
      {
        trustDomain,
        added: [...has].filter((fingerprint) => !had.has(fingerprint)),
        removed: [...had].filter((fingerprint) => !has.has(fingerprint)),
      },
    ];
  });
}

import { buildBundle } from '../bundle/build-bundle.ts';
import { joinMesh } from '../bundle/join-mesh.ts';
import type { MeshBundle, MeshInput } from '../bundle/join-mesh.ts';
import { isWithin } from '../bundle/time-span.ts';
import type { BundlePolicy, TrustBundle } from '../bundle/trust-bundle.ts';
import type { Holdings, Share } from '../ledger/share.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import { meshSecrets } from '../secret/mesh-secrets.ts';
import type { MeshSecrets, SecretOptions } from '../secret/mesh-secrets.ts';
import type { Certificate } from '../x509/certificate.ts';

/** The bundles and secrets of one mesh. An unchanged mesh keeps its object. */
export interface MeshState {
  readonly bundle: MeshBundle;
  readonly secrets: MeshSecrets;
}

/** Every mesh that ever had a listed CA. A mesh that lost all of its CAs stays and denies all clients. */
export type MeshStates = ReadonlyMap<string, MeshState>;

/** Builds the bundles and secrets of all meshes, incrementally. */
export interface MeshBuilder {
  /** Builds all meshes from the holdings and the time (epoch milliseconds). Reuses unchanged objects. */
  build(holdings: Holdings, now: number): MeshStates;
  /** Returns the epoch milliseconds at which the result of `build` may change for the same holdings. */
  nextChange(): number | undefined;
  /** Sets the policy for the next build. */
  setPolicy(policy: BundlePolicy): void;
}

interface Built {
  readonly shares: readonly Share[];
  readonly bundle: TrustBundle;
}

interface BuiltMesh {
  readonly domains: ReadonlyMap<TrustDomain, Built>;
  readonly state: MeshState;
}

/** Creates a builder that runs the stages `bundle` and `secret`, and rebuilds only changed trust domains. */
export function createMeshBuilder(initialPolicy: BundlePolicy, options: SecretOptions = {}): MeshBuilder {
  let policy = initialPolicy;
  let meshes: ReadonlyMap<string, BuiltMesh> = new Map();
  let stale = false;

  const buildDomain = (
    mesh: string,
    name: TrustDomain,
    shares: readonly Share[],
    before: Built | undefined,
    now: number,
  ): Built => {
    if (before !== undefined && !stale && sameShares(before.shares, shares) && isWithin(before.bundle, now))
      return before;
    const previous = before?.bundle;
    return { shares, bundle: buildBundle({ mesh, trustDomain: name, shares, now, policy, previous }) };
  };

  const buildMesh = (
    mesh: string,
    listed: ReadonlyMap<TrustDomain, readonly Share[]>,
    now: number,
  ): BuiltMesh => {
    const before = meshes.get(mesh);
    const domains = new Map<TrustDomain, Built>();
    for (const [name, shares] of listed) {
      domains.set(name, buildDomain(mesh, name, shares, before?.domains.get(name), now));
    }
    if (before !== undefined && sameDomains(before.domains, domains) && isMergedWithin(before, now))
      return before;
    const merged = new Map(before?.state.bundle.merged.map((bundle) => [bundle.trustDomain, bundle]));
    const restrict: MeshInput['restrict'] = ({ trustDomain }, isAdmitted) => {
      const shares = restrictShares(listed.get(trustDomain) ?? [], isAdmitted);
      const previous = merged.get(trustDomain);
      return buildBundle({ mesh, trustDomain, shares, now, policy, previous });
    };
    const bundles = [...domains.values()].map((built) => built.bundle);
    const bundle = joinMesh({ mesh, bundles, previous: before?.state.bundle, restrict });
    return { domains, state: { bundle, secrets: meshSecrets(bundle, options) } };
  };

  return {
    build(holdings, now) {
      const names = new Set([...meshes.keys(), ...holdings.keys()]);
      meshes = new Map(
        [...names].sort().map((mesh) => [mesh, buildMesh(mesh, holdings.get(mesh) ?? new Map(), now)]),
      );
      stale = false;
      return new Map([...meshes].map(([mesh, { state }]) => [mesh, state]));
    },
    nextChange() {
      let next: number | undefined;
      for (const { state } of meshes.values()) {
        const { bundles, merged } = state.bundle;
        for (const some of bundles === merged ? [bundles] : [bundles, merged])
          for (const { nextChange } of some)
            if (nextChange !== undefined && (next === undefined || nextChange < next)) next = nextChange;
      }
      return next;
    },
    setPolicy(next) {
      policy = next;
      stale = true;
    },
  };
}

function sameShares(a: readonly Share[], b: readonly Share[]): boolean {
  if (a.length !== b.length) return false;
  if (a.every((share, index) => share === b[index])) return true;
  const known = new Set(a);
  return b.every((share) => known.has(share));
}

function sameDomains(a: BuiltMesh['domains'], b: BuiltMesh['domains']): boolean {
  if (a.size !== b.size) return false;
  for (const [name, built] of b) if (a.get(name)?.bundle !== built.bundle) return false;
  return true;
}

/** Returns whether the bundles of the merged secret are current. With fewer CAs, they may depend on other dates. */
function isMergedWithin({ state }: BuiltMesh, now: number): boolean {
  const { bundles, merged } = state.bundle;
  return bundles === merged || merged.every((bundle) => isWithin(bundle, now));
}

function restrictShares(
  shares: readonly Share[],
  isAdmitted: (certificate: Certificate) => boolean,
): readonly Share[] {
  return shares.map((share) => ({
    ...share,
    anchors: share.anchors.filter(({ certificate }) => isAdmitted(certificate)),
  }));
}

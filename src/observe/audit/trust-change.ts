import type { ServedAnchor, TrustBundle } from '../../trust/bundle/trust-bundle.ts';
import type { MeshState } from '../../trust/snapshot/mesh-builder.ts';

/** The change of one trust domain of a mesh. Every list is complete and in the order of the bundle. */
export interface TrustChange {
  readonly trustDomain: string;
  /** Whether the trust domain was added, was removed, or existed before and still exists. */
  readonly kind: 'added' | 'removed' | 'changed';
  readonly added: readonly ServedAnchor[];
  /** The removed anchors, as they were served before. */
  readonly removed: readonly ServedAnchor[];
  /** Certificates that are sent in another form than before (self-issued or as listed). */
  readonly reformed: readonly ServedAnchor[];
  /** Anchors that the secret of the trust domain contains, and the secret of all trust domains does not. */
  readonly leftOut: readonly ServedAnchor[];
}

/**
 * Returns how trust differs between two states of a mesh. Other differences, such as the path of a resource,
 * are not reported.
 */
export function trustChanges(before: MeshState | undefined, after: MeshState): readonly TrustChange[] {
  const [had, has] = [bundlesOf(before), bundlesOf(after)];
  const names = [...new Set([...had.keys(), ...has.keys()])].sort();
  return names.flatMap((trustDomain) => {
    const [a, b] = [had.get(trustDomain), has.get(trustDomain)];
    // Unchanged bundles keep their objects, and most bundles are unchanged.
    if (a?.own === b?.own && a?.joint === b?.joint) return [];
    const [old, now] = [anchorsOf(a?.own), anchorsOf(b?.own)];
    const change: TrustChange = {
      trustDomain,
      kind: a === undefined ? 'added' : b === undefined ? 'removed' : 'changed',
      added: without(now, old),
      removed: without(old, now),
      reformed: [...now.values()].filter((anchor) => isReformed(old.get(fingerprintOf(anchor)), anchor)),
      leftOut: leftOutOf(b),
    };
    const isSame =
      change.kind === 'changed' &&
      change.added.length + change.removed.length + change.reformed.length === 0 &&
      sameAnchors(change.leftOut, leftOutOf(a));
    return isSame ? [] : [change];
  });
}

interface Served {
  /** The content of the secret of the trust domain. */
  readonly own: TrustBundle;
  /** The share of the trust domain in the secret of all trust domains. */
  readonly joint: TrustBundle | undefined;
}

type Anchors = ReadonlyMap<string, ServedAnchor>;

function bundlesOf(state: MeshState | undefined): ReadonlyMap<string, Served> {
  if (state === undefined) return new Map();
  const { bundles, merged } = state.bundle;
  const inAll = new Map(merged.map((bundle) => [bundle.trustDomain, bundle]));
  return new Map(bundles.map((own) => [own.trustDomain, { own, joint: inAll.get(own.trustDomain) }]));
}

function fingerprintOf({ certificate }: ServedAnchor): string {
  return certificate.fingerprint;
}

function anchorsOf(bundle: TrustBundle | undefined): Anchors {
  return new Map(bundle?.anchors.map((anchor) => [fingerprintOf(anchor), anchor]));
}

function without(some: Anchors, others: Anchors): readonly ServedAnchor[] {
  return [...some.values()].filter((anchor) => !others.has(fingerprintOf(anchor)));
}

function isReformed(before: ServedAnchor | undefined, { rooting }: ServedAnchor): boolean {
  return before !== undefined && before.rooting !== rooting;
}

function leftOutOf(served: Served | undefined): readonly ServedAnchor[] {
  if (served === undefined || served.own === served.joint) return [];
  return without(anchorsOf(served.own), anchorsOf(served.joint));
}

function sameAnchors(a: readonly ServedAnchor[], b: readonly ServedAnchor[]): boolean {
  const known = new Set(b.map(fingerprintOf));
  return a.length === b.length && a.every((anchor) => known.has(fingerprintOf(anchor)));
}

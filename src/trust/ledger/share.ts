import type { Place } from '../findings/finding.ts';
import type { Identity, MeshTrust, TrustAnchor, TrustDomain } from '../model/mesh-trust.ts';

/**
 * The anchors that one resource contributes to one trust domain of one mesh. Later stages compare shares by object
 * identity, so an unchanged resource must keep its share objects.
 */
export interface Share {
  readonly mesh: string;
  readonly trustDomain: TrustDomain;
  readonly identity: Identity;
  readonly anchors: readonly TrustAnchor[];
}

/** The shares in force, of all sources or of one, by mesh and trust domain. No list in it is empty. */
export type Holdings = ReadonlyMap<string, ReadonlyMap<TrustDomain, readonly Share[]>>;

/** Returns the share of the newest version of a resource. */
export function currentShare(resource: MeshTrust): Share {
  return shareOf(resource, anchorsOf(resource));
}

/** Returns a share of the anchors of `earlier` that `current` lacks for the same trust domain, or an empty list. */
export function retainedShare(earlier: Share, current: readonly Share[]): readonly Share[] {
  const present = new Set(
    current
      .filter((share) => share.mesh === earlier.mesh && share.trustDomain === earlier.trustDomain)
      .flatMap((share) => share.anchors.map((anchor) => anchor.certificate.fingerprint)),
  );
  const anchors = earlier.anchors.filter((anchor) => !present.has(anchor.certificate.fingerprint));
  return anchors.length === 0 ? [] : [{ ...earlier, anchors }];
}

/** Returns whether two shares have the same anchors at the same lines. */
export function isSameShare(a: Share, b: Share): boolean {
  return (
    a.mesh === b.mesh &&
    a.trustDomain === b.trustDomain &&
    a.identity === b.identity &&
    a.anchors.length === b.anchors.length &&
    a.anchors.every((anchor, index) => {
      const other = b.anchors[index];
      return (
        anchor.certificate.fingerprint === other?.certificate.fingerprint &&
        isSamePlace(anchor.place, other.place)
      );
    })
  );
}

/** Joins the holdings of several sources. */
export function joinHoldings(all: readonly Holdings[]): Holdings {
  const [first] = all;
  if (all.length === 1 && first !== undefined) return first;
  const joined = new Map<string, Map<TrustDomain, Share[]>>();
  for (const holdings of all) {
    for (const domains of holdings.values()) for (const shares of domains.values()) addShares(joined, shares);
  }
  return joined;
}

/** Adds shares to holdings under construction. Omits shares without anchors, which contribute no trust. */
export function addShares(holdings: Map<string, Map<TrustDomain, Share[]>>, shares: readonly Share[]): void {
  for (const share of shares) {
    if (share.anchors.length === 0) continue;
    let domains = holdings.get(share.mesh);
    if (domains === undefined) holdings.set(share.mesh, (domains = new Map<TrustDomain, Share[]>()));
    const present = domains.get(share.trustDomain);
    if (present === undefined) domains.set(share.trustDomain, [share]);
    else present.push(share);
  }
}

function isSamePlace(a: Place, b: Place): boolean {
  return a.file === b.file && a.line === b.line && a.path === b.path && a.block === b.block;
}

function shareOf(resource: MeshTrust, anchors: readonly TrustAnchor[]): Share {
  return { mesh: resource.mesh, trustDomain: resource.trustDomain, identity: resource.identity, anchors };
}

function anchorsOf(resource: MeshTrust): readonly TrustAnchor[] {
  return resource.blocks.filter((block) => block.kind === 'anchor');
}

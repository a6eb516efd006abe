import { canBeIssuedBy } from './link.ts';
import type { Link } from './link.ts';

/** The certification path that Envoy would build, starting at the leaf. */
export interface BuiltPath {
  /** The leaf and the certificates that the client sent. */
  readonly presented: readonly Link[];
  /** The anchors after them; empty if no anchor may have signed the last presented certificate. */
  readonly listed: readonly Link[];
  /** Whether the path ends at an anchor that may have signed itself. Envoy trusts no other path. */
  readonly complete: boolean;
  /** The certificates of the path that several anchors may have signed, so that the order of the anchors decides. */
  readonly contested: readonly Link[];
}

/**
 * The most anchors of a trust domain that BoringSSL of Envoy 1.40 keeps in their order. It sorts more of them by
 * subject with `std::sort`, which moves anchors of one name (tried with 14 to 40 anchors).
 */
const orderedAnchors = 24;

/** The limit of BoringSSL (a depth of 100), including the leaf and the anchor. */
export const longestPath = 102;

/**
 * Builds the only path that BoringSSL (X509_verify_cert, trusted certificates first) would check. Each step takes the
 * first anchor that may be the issuer, or else the first sent certificate. BoringSSL checks no signatures or dates here
 * and never backtracks, so it does not find a second, valid path. With many anchors, it may take another than the
 * first: see `otherPaths`.
 */
export function buildPath(leaf: Link, sent: readonly Link[], anchors: readonly Link[]): BuiltPath {
  const presented = presentedPath(leaf, sent, anchors);
  const listed: Link[] = [];
  for (let last = presented.at(-1) ?? leaf; !last.endsPath;) {
    const issuer = findIssuer(anchors, last);
    if (issuer === undefined || presented.length + listed.length >= longestPath) break;
    listed.push(issuer);
    last = issuer;
  }
  return describePath(presented, listed, anchors);
}

function describePath(
  presented: readonly Link[],
  listed: readonly Link[],
  anchors: readonly Link[],
): BuiltPath {
  // The issuers of the last presented certificate and of those after it are anchors.
  const contested = [...presented.slice(-1), ...listed].filter(
    (link) => !link.endsPath && anchors.filter((anchor) => canBeIssuedBy(link, anchor)).length > 1,
  );
  return { presented, listed, complete: listed.some(({ endsPath }) => endsPath), contested };
}

/**
 * Returns every path that Envoy 1.40 could build instead, because it does not keep the order of more than 24 anchors.
 * Returns none if the built path is the only one.
 */
export function* otherPaths(
  { presented, contested }: BuiltPath,
  anchors: readonly Link[],
): Generator<BuiltPath> {
  const last = presented.at(-1);
  if (last === undefined || contested.length === 0 || anchors.length <= orderedAnchors) return;
  for (const listed of listedPaths(last, anchors, longestPath - presented.length))
    yield describePath(presented, listed, anchors);
}

function* listedPaths(last: Link, anchors: readonly Link[], room: number): Generator<readonly Link[]> {
  const issuers = last.endsPath || room <= 0 ? [] : anchors.filter((anchor) => canBeIssuedBy(last, anchor));
  if (issuers.length === 0) yield [];
  for (const issuer of issuers)
    for (const rest of listedPaths(issuer, anchors, room - 1)) yield [issuer, ...rest];
}

function presentedPath(leaf: Link, sent: readonly Link[], anchors: readonly Link[]): readonly Link[] {
  const presented = [leaf];
  const left = new Set(sent);
  for (let last = leaf; !last.endsPath && presented.length < longestPath;) {
    if (findIssuer(anchors, last) !== undefined) break;
    const issuer = findIssuer(left, last);
    if (issuer === undefined) break;
    presented.push(issuer);
    left.delete(issuer);
    last = issuer;
  }
  return presented;
}

function findIssuer(candidates: Iterable<Link>, child: Link): Link | undefined {
  for (const candidate of candidates) if (canBeIssuedBy(child, candidate)) return candidate;
  return undefined;
}

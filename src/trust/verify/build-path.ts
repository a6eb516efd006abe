import { mayHaveSigned } from './link.ts';
import type { Link } from './link.ts';

/** The path that Envoy would go, from the leaf on. */
export interface BuiltPath {
  /** The leaf and what was sent. */
  readonly presented: readonly Link[];
  /** Anchors after that; empty where none may have signed the last of those presented. */
  readonly listed: readonly Link[];
  /** Whether it ends at an anchor that may have signed itself, without which Envoy trusts no path. */
  readonly complete: boolean;
  /** Those of the path that several anchors may have signed, so that their order decided. */
  readonly contested: readonly Link[];
}

/** BoringSSL's limit (a depth of 100), the leaf and the anchor included. */
const longestPath = 102;

/**
 * Builds the one path that BoringSSL (X509_verify_cert, trusted certificates first) would look at: at each step
 * the first anchor that may have signed, else the first of what was sent. It looks at no signature, at no date,
 * and never goes back, so a second path that would have been good is not found.
 */
export function buildPath(leaf: Link, sent: readonly Link[], anchors: readonly Link[]): BuiltPath {
  const presented = presentedPath(leaf, sent, anchors);
  const listed: Link[] = [];
  for (let last = presented.at(-1) ?? leaf; !last.endsPath;) {
    const issuer = issuerAmong(anchors, last);
    if (issuer === undefined || presented.length + listed.length >= longestPath) break;
    listed.push(issuer);
    last = issuer;
  }
  // From what was sent last on, the next one comes of the anchors.
  const contested = [...presented.slice(-1), ...listed].filter(
    (link) => !link.endsPath && anchors.filter((anchor) => mayHaveSigned(link, anchor)).length > 1,
  );
  return { presented, listed, complete: listed.some(({ endsPath }) => endsPath), contested };
}

function presentedPath(leaf: Link, sent: readonly Link[], anchors: readonly Link[]): readonly Link[] {
  const presented = [leaf];
  const left = new Set(sent);
  for (let last = leaf; !last.endsPath && presented.length < longestPath;) {
    if (issuerAmong(anchors, last) !== undefined) break;
    const issuer = issuerAmong(left, last);
    if (issuer === undefined) break;
    presented.push(issuer);
    left.delete(issuer);
    last = issuer;
  }
  return presented;
}

function issuerAmong(candidates: Iterable<Link>, child: Link): Link | undefined {
  for (const candidate of candidates) if (mayHaveSigned(child, candidate)) return candidate;
  return undefined;
}

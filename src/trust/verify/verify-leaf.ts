import { buildPath } from './build-path.ts';
import type { BuiltPath } from './build-path.ts';
import { leafObjection } from './check-leaf.ts';
import { pathObjection } from './check-path.ts';
import { explainNoPath } from './explain-no-path.ts';
import { readLink } from './link.ts';
import type { Link } from './link.ts';
import { readLeafId } from './spiffe-id.ts';
import type { LeafId } from './spiffe-id.ts';
import type {
  Objection,
  OtherVerdict,
  PathStep,
  Refused,
  TrustAnchor,
  TrustedDomain,
  Verdict,
  VerifyInput,
} from './verdict.ts';

/**
 * Whether an Envoy with these trust domains would let in a client with this leaf, by which anchor, or why not:
 * what its TLS, its SPIFFE validator and BoringSSL would decide, in their order. Tried with Envoy 1.36 and 1.40.
 */
export function verifyLeaf({ leaf, chain, domains, now }: VerifyInput): Verdict {
  const own = readLink(leaf);
  if (own.kind === 'unreadable') return refusal(unreadable('the leaf', own.reason));
  const { invalidExtension } = own.link;
  if (invalidExtension !== undefined) {
    const sentence = `an extension of the leaf is invalid to Envoy: ${invalidExtension}`;
    return refusal({ code: 'invalid-extension', sentence }, undefined, [stepOf('leaf', own.link)]);
  }
  const id = readLeafId(own.link.names);
  const alone = [stepOf('leaf', own.link)];
  const sent: Link[] = [];
  for (const [index, der] of chain.entries()) {
    const read = readLink(der);
    if (read.kind === 'unreadable') {
      return refusal(unreadable(`certificate ${index + 1} of the chain`, read.reason), id, alone);
    }
    sent.push(read.link);
  }
  const unfit = leafObjection(own.link);
  if (unfit !== undefined) return refusal(unfit, id, alone);
  if (id.kind === 'none') return refusal({ code: 'no-spiffe-id', sentence: id.reason }, id, alone);
  const domain = domains.find(({ name }) => name === id.trustDomain);
  if (domain === undefined) return refusal(unknownDomain(id.trustDomain, domains), id, alone);
  return judgePath(own.link, sent, domain, { domains, now, id });
}

interface Surroundings extends Pick<VerifyInput, 'domains' | 'now'> {
  readonly id: Extract<LeafId, { readonly kind: 'spiffe-id' }>;
}

function judgePath(
  leaf: Link,
  sent: readonly Link[],
  domain: TrustedDomain,
  { domains, now, id }: Surroundings,
): Verdict {
  const listed = readAnchors(domain);
  const anchors = [...listed.keys()];
  const built = buildPath(leaf, sent, anchors);
  const path = stepsOf(built, listed);
  const contested = built.contested.map(({ subject }) => subject);
  const anchor = path.at(-1);
  if (!built.complete || anchor === undefined) {
    const elsewhere = domains
      .filter((other) => other !== domain)
      .map((other) => ({ name: other.name, anchors: [...readAnchors(other).keys()] }));
    const deadEnd = { built, trustDomain: domain.name, anchors, sent, elsewhere };
    return refusal(explainNoPath(deadEnd), id, path, contested);
  }
  const objection = pathObjection(built, now, '1.40');
  const older = pathObjection(built, now, '1.36');
  const isOneDecision = (objection === undefined) === (older === undefined);
  const other = isOneDecision ? {} : { other: otherVerdict(older) };
  if (objection !== undefined) return { ...refusal(objection, id, path, contested), ...other };
  const { id: spiffeId, trustDomain } = id;
  return { kind: 'admitted', spiffeId, trustDomain, anchor: anchor.fingerprint, path, contested, ...other };
}

function otherVerdict(objection: Objection | undefined): OtherVerdict {
  return objection === undefined
    ? { envoy: '1.36', kind: 'admitted' }
    : { envoy: '1.36', kind: 'refused', ...objection };
}

function refusal(
  { code, sentence }: Objection,
  id: LeafId = { kind: 'none', reason: '' },
  path: readonly PathStep[] = [],
  contested: readonly string[] = [],
): Refused {
  const { id: spiffeId, trustDomain } =
    id.kind === 'spiffe-id' ? id : { id: undefined, trustDomain: undefined };
  return { kind: 'refused', code, sentence, spiffeId, trustDomain, path, contested };
}

function unreadable(what: string, reason: string): Objection {
  return { code: 'unreadable', sentence: `${what} cannot be read: ${reason}` };
}

function unknownDomain(name: string, domains: readonly TrustedDomain[]): Objection {
  const inLowerCase = name.toLowerCase();
  const isMisspelt = name !== inLowerCase && domains.some((domain) => domain.name === inLowerCase);
  const hint = isMisspelt ? `; it is in ${inLowerCase}, but Envoy compares names byte for byte` : '';
  return { code: 'unknown-trust-domain', sentence: `nothing is trusted in trust domain ${name}${hint}` };
}

/** Anchors that Envoy would not load are not served, so that each of them can be read. */
function readAnchors({ anchors }: TrustedDomain): ReadonlyMap<Link, TrustAnchor> {
  return new Map(
    anchors.flatMap((anchor) => {
      const read = readLink(anchor.der);
      return read.kind === 'link' ? [[read.link, anchor] as const] : [];
    }),
  );
}

function stepsOf(
  { presented, listed }: BuiltPath,
  anchors: ReadonlyMap<Link, TrustAnchor>,
): readonly PathStep[] {
  return [
    ...presented.map((link, index) => stepOf(index === 0 ? 'leaf' : 'intermediate', link)),
    ...listed.map((link) => ({ ...stepOf('anchor', link), ...originOf(anchors.get(link)) })),
  ];
}

function originOf(anchor: TrustAnchor | undefined): Partial<PathStep> {
  return anchor === undefined ? {} : { fingerprint: anchor.fingerprint, rooting: anchor.rooting };
}

function stepOf(role: PathStep['role'], link: Link): PathStep {
  const { subject, issuer, fingerprint, notBefore, notAfter } = link;
  return { role, subject, issuer, fingerprint, notBefore, notAfter };
}

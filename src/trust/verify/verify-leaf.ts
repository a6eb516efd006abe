import { buildPath, otherPaths } from './build-path.ts';
import type { BuiltPath } from './build-path.ts';
import { checkPath } from './check-path.ts';
import { explainNoPath } from './explain-no-path.ts';
import { readLink } from './link.ts';
import type { Link, LinkReading } from './link.ts';
import { readLeafId } from './spiffe-id.ts';
import type { LeafId } from './spiffe-id.ts';
import type {
  RefusalReason,
  OtherVerdict,
  PathStep,
  Refused,
  ServedAnchor,
  TrustedDomain,
  Verdict,
  VerifyInput,
} from './verdict.ts';

/**
 * Returns whether an Envoy with these trust domains would accept a client with this leaf, by which anchor, or why not.
 * It repeats the checks of Envoy's TLS, its SPIFFE validator and BoringSSL, in their order. Tried with Envoy 1.36 and
 * 1.40.
 */
export function verifyLeaf({ leaf, chain, domains, now, isDecisionOnly = false }: VerifyInput): Verdict {
  const length = messageLength([leaf, ...chain]);
  if (length > longestMessage) {
    const sentence = `the client sends ${length} bytes of certificates, and Envoy accepts ${longestMessage}`;
    return refusal({ code: 'message-too-long', sentence });
  }
  const own = readLink(leaf);
  if (own.kind === 'unreadable') return refusal(unreadable('the leaf', own.reason));
  const { invalidExtension } = own.link;
  if (invalidExtension !== undefined) {
    const sentence = `the leaf has an extension that Envoy considers invalid: ${invalidExtension}`;
    return refusal({ code: 'invalid-extension', sentence }, undefined, [stepOf('leaf', own.link)]);
  }
  const id = readLeafId(own.link.names);
  const leafOnly = [stepOf('leaf', own.link)];
  const sent: Link[] = [];
  for (const [index, der] of chain.entries()) {
    const read = readLink(der);
    if (read.kind === 'unreadable') {
      return refusal(unreadable(`certificate ${index + 1} of the chain`, read.reason), id, leafOnly);
    }
    sent.push(read.link);
  }
  const leafReason = checkLeaf(own.link);
  if (leafReason !== undefined) return refusal(leafReason, id, leafOnly);
  if (id.kind === 'none') return refusal({ code: 'no-spiffe-id', sentence: id.reason }, id, leafOnly);
  const domain = domains.find(({ name }) => name === id.trustDomain);
  if (domain === undefined) return refusal(unknownDomain(id.trustDomain, domains), id, leafOnly);
  return verifyPath(own.link, sent, domain, { domains, now, id, isDecisionOnly });
}

/** The limit of BoringSSL for the Certificate message of a client, in bytes (tried). */
const longestMessage = 100 * 1024;

/** Returns the length of a Certificate message in TLS 1.3 without its header (RFC 8446, section 4.4.2). */
function messageLength(certificates: readonly Uint8Array[]): number {
  // The lengths of the context and of the list; for each certificate, its length and that of its extensions.
  return certificates.reduce((sum, der) => sum + 3 + der.length + 2, 1 + 3);
}

interface VerifyContext extends Pick<VerifyInput, 'domains' | 'now'> {
  readonly id: Extract<LeafId, { readonly kind: 'spiffe-id' }>;
  readonly isDecisionOnly: boolean;
}

function verifyPath(
  leaf: Link,
  sent: readonly Link[],
  domain: TrustedDomain,
  { domains, now, id, isDecisionOnly }: VerifyContext,
): Verdict {
  const listed = readAnchors(domain);
  const anchors = [...listed.keys()];
  const built = buildPath(leaf, sent, anchors);
  const path = stepsOf(built, listed);
  const contested = built.contested.map(({ subject }) => subject);
  const uncertain = !isDecisionOnly && isUncertain(built, anchors, now) ? ({ uncertain: true } as const) : {};
  const anchor = path.at(-1);
  if (!built.complete || anchor === undefined) {
    const otherDomains = domains
      .filter((other) => other !== domain)
      .map((other) => ({ name: other.name, anchors: [...readAnchors(other).keys()] }));
    const deadEnd = { built, trustDomain: domain.name, anchors, sent, otherDomains };
    return { ...refusal(explainNoPath(deadEnd), id, path, contested), ...uncertain };
  }
  const reason = checkPath(built, now, '1.40');
  const more = { ...(isDecisionOnly ? {} : otherOf(reason, checkPath(built, now, '1.36'))), ...uncertain };
  if (reason !== undefined) return { ...refusal(reason, id, path, contested), ...more };
  const { id: spiffeId, trustDomain } = id;
  return { kind: 'admitted', spiffeId, trustDomain, anchor: anchor.fingerprint, path, contested, ...more };
}

/** The most other paths that are checked. With more, the decision is uncertain. */
const mostPaths = 16;

/** Returns whether Envoy 1.40 may build another path, whose decision differs or is unknown. */
function isUncertain(built: BuiltPath, anchors: readonly Link[], now: number): boolean {
  const isAdmitted = (path: BuiltPath): boolean =>
    path.complete && checkPath(path, now, '1.40') === undefined;
  let [decision, checked] = [undefined as boolean | undefined, 0];
  for (const path of otherPaths(built, anchors)) {
    decision ??= isAdmitted(built);
    checked += 1;
    if (checked > mostPaths || isAdmitted(path) !== decision) return true;
  }
  return false;
}

/** Returns the verdict of Envoy 1.36 if it decides differently. `older`: why it refuses the leaf, if it does. */
function otherOf(
  reason: RefusalReason | undefined,
  older: RefusalReason | undefined,
): { readonly other?: OtherVerdict } {
  if ((reason === undefined) === (older === undefined)) return {};
  const envoy = '1.36';
  return { other: older === undefined ? { envoy, kind: 'admitted' } : { envoy, kind: 'refused', ...older } };
}

function refusal(
  { code, sentence }: RefusalReason,
  id: LeafId = { kind: 'none', reason: '' },
  path: readonly PathStep[] = [],
  contested: readonly string[] = [],
): Refused {
  const { id: spiffeId, trustDomain } =
    id.kind === 'spiffe-id' ? id : { id: undefined, trustDomain: undefined };
  return { kind: 'refused', code, sentence, spiffeId, trustDomain, path, contested };
}

function unreadable(what: string, reason: string): RefusalReason {
  return { code: 'unreadable', sentence: `${what} cannot be read: ${reason}` };
}

function unknownDomain(name: string, domains: readonly TrustedDomain[]): RefusalReason {
  const lowerCase = name.toLowerCase();
  const isMisspelt = name !== lowerCase && domains.some((domain) => domain.name === lowerCase);
  const hint = isMisspelt ? `; ${lowerCase} is listed, but Envoy compares names byte for byte` : '';
  return { code: 'unknown-trust-domain', sentence: `trust domain ${name} has no CA${hint}` };
}

/** The anchors that were read, by their bytes: a server verifies thousands of clients with the same anchors. */
const anchorLinks = new WeakMap<Uint8Array, LinkReading>();

/** Reads the anchors of a trust domain. All are readable, because anchors that Envoy would not load are not served. */
function readAnchors({ anchors }: TrustedDomain): ReadonlyMap<Link, ServedAnchor> {
  return new Map(
    anchors.flatMap((anchor) => {
      const read = anchorLinks.get(anchor.der) ?? readLink(anchor.der);
      anchorLinks.set(anchor.der, read);
      return read.kind === 'link' ? [[read.link, anchor] as const] : [];
    }),
  );
}

function stepsOf(
  { presented, listed }: BuiltPath,
  anchors: ReadonlyMap<Link, ServedAnchor>,
): readonly PathStep[] {
  return [
    ...presented.map((link, index) => stepOf(index === 0 ? 'leaf' : 'intermediate', link)),
    ...listed.map((link) => ({ ...stepOf('anchor', link), ...anchorFieldsOf(anchors.get(link)) })),
  ];
}

function anchorFieldsOf(anchor: ServedAnchor | undefined): Partial<PathStep> {
  return anchor === undefined ? {} : { fingerprint: anchor.fingerprint, rooting: anchor.rooting };
}

function stepOf(role: PathStep['role'], link: Link): PathStep {
  const { subject, issuer, fingerprint, notBefore, notAfter } = link;
  return { role, subject, issuer, fingerprint, notBefore, notAfter };
}

/** Returns why Envoy refuses a leaf before it builds a path, or `undefined` if it does not. */
function checkLeaf({
  keyAlgorithm = 'unknown',
  publicKey,
  keyUsage,
  basicConstraints,
}: Link): RefusalReason | undefined {
  // Envoy's list of signature algorithms has no others, so clients with other keys send no certificate at all.
  if (!/^(?:RSA|ECDSA P-256|ECDSA P-384)\b/.test(keyAlgorithm)) {
    return {
      code: 'leaf-key-unusable',
      sentence: `the leaf has a key of type ${keyAlgorithm}, which Envoy does not accept; use a P-256, P-384 or RSA key`,
    };
  }
  if (publicKey === undefined) {
    return { code: 'leaf-key-unusable', sentence: 'the public key of the leaf cannot be read' };
  }
  if (keyUsage?.digitalSignature === false) {
    return {
      code: 'leaf-cannot-authenticate',
      sentence:
        'the key usage of the leaf does not include digital signatures, which a client needs to prove that it has the key',
    };
  }
  if (basicConstraints?.ca === true) {
    return { code: 'leaf-is-ca', sentence: 'the leaf is a CA according to its basic constraints' };
  }
  if (keyUsage === undefined) {
    return {
      code: 'leaf-can-sign',
      sentence: 'the leaf has no key usage, so it is allowed to sign certificates',
    };
  }
  if (keyUsage.keyCertSign || keyUsage.crlSign) {
    const objects = keyUsage.keyCertSign ? 'certificates' : 'CRLs';
    return { code: 'leaf-can-sign', sentence: `the key usage of the leaf allows it to sign ${objects}` };
  }
  return undefined;
}

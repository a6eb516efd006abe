import { longestPath } from './build-path.ts';
import type { BuiltPath } from './build-path.ts';
import { canBeIssuedBy, issuerConflict } from './link.ts';
import type { IssuerConflict, Link } from './link.ts';
import type { RefusalReason } from './verdict.ts';

/** A path that does not end at an anchor, and the certificates known besides it. */
export interface DeadEnd {
  readonly built: BuiltPath;
  readonly trustDomain: string;
  readonly anchors: readonly Link[];
  readonly sent: readonly Link[];
  /** The other trust domains, with their anchors. */
  readonly otherDomains: readonly { readonly name: string; readonly anchors: readonly Link[] }[];
}

/** Explains where a path ends without an anchor, with the most likely remedy. */
export function explainNoPath(deadEnd: DeadEnd): RefusalReason {
  return { code: 'no-path', sentence: sentenceOf(deadEnd) };
}

function sentenceOf({ built, trustDomain, anchors, sent, otherDomains }: DeadEnd): string {
  const path = [...built.presented, ...built.listed];
  const last = path.at(-1);
  if (last === undefined) return 'the client sent no leaf';
  const who = path.length === 1 ? 'the leaf' : last.subject;
  if (last.endsPath) {
    return `the root ${last.subject} was sent, but it is not listed in trust domain ${trustDomain}`;
  }
  if (new Set(path).size < path.length) {
    return `the CA certificates of trust domain ${trustDomain} issued each other, and none of them is a root`;
  }
  if (path.length >= longestPath) {
    return `the path has more than ${longestPath - 2} intermediates between the leaf and a root, the most that Envoy allows`;
  }
  const others = otherDomains.filter((domain) =>
    domain.anchors.some((anchor) => canBeIssuedBy(last, anchor)),
  );
  if (others.length > 0) {
    const names = others.map(({ name }) => name).join(', ');
    return `the issuer of ${who}, ${last.issuer}, is listed in ${names}, but not in trust domain ${trustDomain}`;
  }
  const conflicts = conflictsWith(last, anchors);
  if (conflicts.size > 0) {
    const problem = describe(conflicts, who);
    // An intermediate without its issuer is served in self-issued form.
    const remedy = conflicts.has('issuer') ? `; list the issuer of ${last.issuer}, too` : '';
    return `${last.issuer} is listed in trust domain ${trustDomain}, but ${problem}${remedy}`;
  }
  const namesakes = sent.filter((link) => issuerConflict(last, link) !== 'name');
  if (namesakes.length > 0) {
    // A certificate is used once, so this one is on the path already.
    if (namesakes.some((link) => canBeIssuedBy(last, link)))
      return `${last.issuer} was sent, but it is already on the path: the sent certificates issued each other`;
    return `${last.issuer} was sent, but ${describe(conflictsWith(last, namesakes), who)}`;
  }
  return (
    `the issuer of ${who}, ${last.issuer}, is not listed in trust domain ${trustDomain}, and was not sent; ` +
    'if it is an intermediate, the client must send it after its leaf'
  );
}

/** Returns the conflicts with the certificates that have the name of the issuer. */
function conflictsWith(child: Link, candidates: readonly Link[]): ReadonlySet<IssuerConflict> {
  const conflicts = candidates.map((candidate) => issuerConflict(child, candidate));
  return new Set(conflicts.filter((conflict) => conflict !== undefined && conflict !== 'name'));
}

const identifiers = { key: 'key', serial: 'serial number', issuer: 'issuer' } as const;

function describe(conflicts: ReadonlySet<IssuerConflict>, who: string): string {
  const parts = (['key', 'serial', 'issuer'] as const)
    .filter((conflict) => conflicts.has(conflict))
    .map((conflict) => identifiers[conflict]);
  if (parts.length > 0)
    return `not with the ${parts.join(' or ')} that ${who} names in its authority key identifier`;
  return conflicts.has('key-usage')
    ? 'its key usage does not allow signing certificates'
    : 'it has an extension that Envoy considers invalid';
}

import type { BuiltPath } from './build-path.ts';
import { isSameName } from '../x509/canonical-name.ts';
import { canBeIssuedBy } from './link.ts';
import type { Link } from './link.ts';
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
  const hasIssuerName = ({ subjectName }: Link): boolean => isSameName(subjectName, last.issuerName);
  const others = otherDomains.filter((domain) =>
    domain.anchors.some((anchor) => canBeIssuedBy(last, anchor)),
  );
  if (others.length > 0) {
    const names = others.map(({ name }) => name).join(', ');
    return `the issuer of ${who}, ${last.issuer}, is listed in ${names}, but not in trust domain ${trustDomain}`;
  }
  if (anchors.some(hasIssuerName)) {
    const identifier = last.authoritySerial === undefined ? 'key' : 'serial number';
    return `${last.issuer} is listed in trust domain ${trustDomain}, but not with the ${identifier} that ${who} names as its issuer's`;
  }
  if (sent.some(hasIssuerName)) {
    return `${last.issuer} was sent, but ${who} names another certificate with that name, or its key usage does not allow signing`;
  }
  return (
    `the issuer of ${who}, ${last.issuer}, is not listed in trust domain ${trustDomain}, and was not sent; ` +
    'if it is an intermediate, the client must send it after its leaf'
  );
}

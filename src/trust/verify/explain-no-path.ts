import type { BuiltPath } from './build-path.ts';
import { isSameName } from '../x509/canonical-name.ts';
import { mayHaveSigned } from './link.ts';
import type { Link } from './link.ts';
import type { Objection } from './verdict.ts';

/** What is known where a path does not reach an anchor. */
export interface DeadEnd {
  readonly built: BuiltPath;
  readonly trustDomain: string;
  readonly anchors: readonly Link[];
  readonly sent: readonly Link[];
  /** Other trust domains, with their anchors. */
  readonly elsewhere: readonly { readonly name: string; readonly anchors: readonly Link[] }[];
}

/** Says where a path ends without an anchor, and what would most likely help. */
export function explainNoPath(deadEnd: DeadEnd): Objection {
  return { code: 'no-path', sentence: sentenceOf(deadEnd) };
}

function sentenceOf({ built, trustDomain, anchors, sent, elsewhere }: DeadEnd): string {
  const path = [...built.presented, ...built.listed];
  const last = path.at(-1);
  if (last === undefined) return 'there is no leaf';
  const who = path.length === 1 ? 'the leaf' : last.subject;
  if (last.endsPath) {
    return `the root ${last.subject} was sent, but it is not listed in trust domain ${trustDomain}`;
  }
  const hasItsName = ({ subjectName }: Link): boolean => isSameName(subjectName, last.issuerName);
  const others = elsewhere.filter((domain) => domain.anchors.some((anchor) => mayHaveSigned(last, anchor)));
  if (others.length > 0) {
    const names = others.map(({ name }) => name).join(', ');
    return `the issuer of ${who}, ${last.issuer}, is listed in ${names}, and not in trust domain ${trustDomain}`;
  }
  if (anchors.some(hasItsName)) {
    const how = last.authoritySerial === undefined ? 'its key' : 'its serial number';
    return `${last.issuer} is listed in trust domain ${trustDomain}, but it is not the one that ${who} names by ${how}`;
  }
  if (sent.some(hasItsName)) {
    return `${last.issuer} was sent, but ${who} names another one of that name, or its key usage does not let it sign`;
  }
  return (
    `the issuer of ${who}, ${last.issuer}, is not listed in trust domain ${trustDomain}, and was not sent; ` +
    'if it is an intermediate, the client must send it after its leaf'
  );
}

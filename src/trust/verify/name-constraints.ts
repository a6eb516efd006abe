import { nameProblem } from '../x509/match-names.ts';
import type { EnvoyEdition } from '../x509/match-names.ts';
import type { NameConstraints, SubjectName } from '../x509/subject-names.ts';
import type { Link } from './link.ts';
import type { RefusalReason } from './verdict.ts';

/** The maximum number of comparisons of names with constraints that BoringSSL makes for one certificate. */
const comparisonLimit = 2 ** 20;

/**
 * Returns the first violation of name constraints on a path, from its end to the leaf: a name that a certificate
 * further up does not allow (RFC 5280, section 4.2.1.10). Envoy also enforces the constraints of anchors.
 */
export function checkNameConstraints(
  path: readonly Link[],
  edition: EnvoyEdition,
): RefusalReason | undefined {
  for (const [index, link] of [...path.entries()].toReversed()) {
    // Key roll-over: a self-issued certificate adds no new name, except as the leaf.
    if (index > 0 && link.selfIssued) continue;
    for (const issuer of path.slice(index + 1).toReversed()) {
      if (issuer.nameConstraints === undefined) continue;
      const reason = checkNames(link, issuer, issuer.nameConstraints, edition);
      if (reason !== undefined) return reason;
    }
  }
  return undefined;
}

function checkNames(
  link: Link,
  issuer: Link,
  constraints: NameConstraints,
  edition: EnvoyEdition,
): RefusalReason | undefined {
  const who = issuer.subject;
  const names = link.attributeCount + (link.names?.length ?? 0);
  const bases = constraints.permitted.length + constraints.excluded.length;
  if (names * bases > comparisonLimit) {
    return {
      code: 'too-many-names',
      sentence: `${link.subject} has ${names} names, and ${who} has ${bases} name constraints: Envoy makes at most 2^20 comparisons`,
    };
  }
  for (const name of namesOf(link)) {
    const isUnreadable = 'isIa5' in name && !name.isIa5;
    const problem = isUnreadable ? 'name-unreadable' : nameProblem(name, constraints, edition);
    if (problem === undefined) continue;
    const described = describe(name, link);
    switch (problem) {
      case 'name-not-permitted':
        return { code: problem, sentence: `the name constraints of ${who} do not permit ${described}` };
      case 'name-excluded':
        return { code: problem, sentence: `the name constraints of ${who} exclude ${described}` };
      case 'name-unreadable':
        return {
          code: problem,
          sentence: `Envoy ${edition} cannot parse ${described} to compare it with the name constraints of ${who}`,
        };
      case 'constraint-unsupported':
        return {
          code: problem,
          sentence: `Envoy ${edition} cannot compare ${described} with the name constraints of ${who}: their type or form is not supported`,
        };
    }
  }
  return undefined;
}

/** Returns the names of a certificate: the subject, its e-mail addresses, then the alternative names. */
function namesOf({ subjectName, subjectEmails, names = [] }: Link): readonly SubjectName[] {
  return [
    ...(subjectName.length === 0 ? [] : [{ kind: 'directory', name: subjectName } as const]),
    ...subjectEmails,
    ...names,
  ];
}

function describe(name: SubjectName, { subject }: Link): string {
  switch (name.kind) {
    case 'uri':
      return `the URI ${name.text}`;
    case 'dns':
      return `the DNS name ${name.text}`;
    case 'email':
      return `the e-mail address ${name.text}`;
    case 'directory':
      return `the subject ${subject}`;
    case 'ip':
    case 'other':
      return 'an alternative name';
  }
}

import { isBelow } from './canonical-name.ts';
import type { Link } from './link.ts';
import type { NameConstraints, SubjectName } from './subject-names.ts';
import type { Objection } from './verdict.ts';

type Comparison = 'matches' | 'differs' | 'name-unreadable' | 'constraint-unsupported';

/**
 * The first name on a path, from its end to the leaf, that a certificate further up does not allow (RFC 5280,
 * section 4.2.1.10). Envoy enforces the constraints of anchors too.
 */
export function constraintObjection(path: readonly Link[]): Objection | undefined {
  for (const [index, link] of [...path.entries()].toReversed()) {
    // Key roll-over: a self-issued certificate has no new name, except as the leaf.
    if (index > 0 && link.selfIssued) continue;
    for (const issuer of path.slice(index + 1).toReversed()) {
      if (issuer.nameConstraints === undefined) continue;
      const objection = objectionOf(link, issuer, issuer.nameConstraints);
      if (objection !== undefined) return objection;
    }
  }
  return undefined;
}

function objectionOf(link: Link, issuer: Link, constraints: NameConstraints): Objection | undefined {
  for (const name of namesOf(link)) {
    const problem = problemOf(name, constraints);
    if (problem === undefined) continue;
    const [who, what] = [issuer.subject, describe(name)];
    switch (problem) {
      case 'name-not-permitted':
        return { code: problem, sentence: `the name constraints of ${who} do not permit ${what}` };
      case 'name-excluded':
        return { code: problem, sentence: `the name constraints of ${who} exclude ${what}` };
      case 'name-unreadable':
        return {
          code: problem,
          sentence: `${what} has no form that the name constraints of ${who} can judge`,
        };
      case 'constraint-unsupported':
        return { code: problem, sentence: `Envoy knows no name constraints for ${what}, as ${who} has` };
    }
  }
  return undefined;
}

type Problem = 'name-not-permitted' | 'name-excluded' | 'name-unreadable' | 'constraint-unsupported';

function problemOf(name: SubjectName, { permitted, excluded }: NameConstraints): Problem | undefined {
  const isOfItsKind = (base: SubjectName): boolean => kindOf(base) === kindOf(name);
  const chosen = permitted.filter(isOfItsKind);
  for (const base of chosen) {
    const comparison = compare(name, base);
    if (comparison === 'matches') break;
    if (comparison !== 'differs') return comparison;
    if (base === chosen.at(-1)) return 'name-not-permitted';
  }
  for (const base of excluded.filter(isOfItsKind)) {
    const comparison = compare(name, base);
    if (comparison === 'matches') return 'name-excluded';
    if (comparison !== 'differs') return comparison;
  }
  return undefined;
}

/** A directory name first, then its e-mail addresses, then the alternative names. */
function namesOf({ subjectName, subjectEmails, names = [] }: Link): readonly SubjectName[] {
  return [
    ...(subjectName.length === 0 ? [] : [{ kind: 'directory', name: subjectName } as const]),
    ...subjectEmails.map((text) => ({ kind: 'email', text }) as const),
    ...names,
  ];
}

function kindOf(name: SubjectName): string {
  return name.kind === 'other' ? String(name.tag) : name.kind;
}

function describe(name: SubjectName): string {
  switch (name.kind) {
    case 'uri':
      return `the URI ${name.text}`;
    case 'dns':
      return `the DNS name ${name.text}`;
    case 'email':
      return `the e-mail address ${name.text}`;
    case 'directory':
      return 'its subject';
    case 'other':
      return 'a name of its kind';
  }
}

function compare(name: SubjectName, base: SubjectName): Comparison {
  switch (name.kind) {
    case 'directory':
      return verdict(base.kind === 'directory' && isBelow(name.name, base.name));
    case 'uri':
      return base.kind === 'uri' ? compareUri(name.text, lower(base.text)) : 'differs';
    case 'dns':
      return verdict(base.kind === 'dns' && isDnsBelow(lower(name.text), lower(base.text)));
    case 'email':
      return base.kind === 'email' ? compareEmail(name.text, base.text) : 'differs';
    case 'other':
      return 'constraint-unsupported';
  }
}

/** The host of the URI is the base, or ends with it if that begins with a dot. */
function compareUri(uri: string, base: string): Comparison {
  // BoringSSL takes all up to the first colon, and only without one all up to the first slash.
  const match = /^[^:]*:\/\/(?:(?<port>[^:]*):|(?<path>[^/]*)(?:\/|$))/.exec(uri);
  const host = lower(match?.groups?.['port'] ?? match?.groups?.['path'] ?? '');
  if (host === '') return 'name-unreadable';
  return verdict(base.startsWith('.') ? host.endsWith(base) : host === base);
}

function isDnsBelow(name: string, base: string): boolean {
  return base === '' || name === base || name.endsWith(base.startsWith('.') ? base : `.${base}`);
}

/** The base is a host, a mailbox, or with a dot at its beginning the end of a host. The local part has case. */
function compareEmail(email: string, base: string): Comparison {
  const at = email.indexOf('@');
  if (at === -1) return 'name-unreadable';
  const host = lower(email.slice(at + 1));
  const baseAt = base.indexOf('@');
  if (baseAt === -1 && base.startsWith('.')) return verdict(lower(email).endsWith(lower(base)));
  const isThisBox = baseAt <= 0 || base.slice(0, baseAt) === email.slice(0, at);
  return verdict(isThisBox && host === lower(base.slice(baseAt + 1)));
}

function verdict(matches: boolean): Comparison {
  return matches ? 'matches' : 'differs';
}

/** ASCII alone, as BoringSSL has it. */
function lower(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

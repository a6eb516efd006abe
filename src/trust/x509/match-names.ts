import { isBelow } from './canonical-name.ts';
import type { NameConstraints, SubjectName, Subtree } from './subject-names.ts';
import { uriHost136, uriHost140, isFqdn } from './uri-host.ts';

/** Versions of Envoy whose BoringSSL decides differently about names. */
export type EnvoyEdition = '1.36' | '1.40';

/** What name constraints have against a name. */
export type NameProblem =
  'name-not-permitted' | 'name-excluded' | 'name-unreadable' | 'constraint-unsupported';

type Comparison = 'matches' | 'differs' | 'name-unreadable' | 'constraint-unsupported';

/** What some constraints have against one name, as the BoringSSL of an Envoy decides (RFC 5280, section 4.2.1.10). */
export function nameProblem(
  name: SubjectName,
  { permitted, excluded }: NameConstraints,
  edition: EnvoyEdition,
): NameProblem | undefined {
  const isOfItsKind = ({ base }: Subtree): boolean => kindOf(base) === kindOf(name);
  let status: 'unconstrained' | 'no-match' | 'match' = 'unconstrained';
  for (const { base, isBounded } of permitted.filter(isOfItsKind)) {
    if (isBounded) return 'constraint-unsupported';
    if (status === 'match') continue;
    status = 'no-match';
    const comparison = compare(name, base, edition, false);
    if (comparison === 'matches') status = 'match';
    else if (comparison !== 'differs') return comparison;
  }
  if (status === 'no-match') return 'name-not-permitted';
  for (const { base, isBounded } of excluded.filter(isOfItsKind)) {
    if (isBounded) return 'constraint-unsupported';
    const comparison = compare(name, base, edition, true);
    if (comparison === 'matches') return 'name-excluded';
    if (comparison !== 'differs') return comparison;
  }
  return undefined;
}

function kindOf(name: SubjectName): string {
  return name.kind === 'other' ? String(name.tag) : name.kind;
}

function compare(
  name: SubjectName,
  base: SubjectName,
  edition: EnvoyEdition,
  isExcluding: boolean,
): Comparison {
  const isNew = edition === '1.40';
  switch (name.kind) {
    case 'directory':
      return verdict(base.kind === 'directory' && isBelow(name.name, base.name));
    case 'uri':
      if (base.kind !== 'uri') return 'differs';
      return isNew ? compareUri140(name.text, base.text) : compareUri136(name.text, base.text);
    case 'dns':
      if (base.kind !== 'dns') return 'differs';
      return verdict(
        isNew
          ? isDnsBelow140(lower(name.text), lower(base.text), isExcluding)
          : isDnsBelow136(lower(name.text), lower(base.text)),
      );
    case 'email':
      if (base.kind !== 'email') return 'differs';
      return isNew
        ? compareEmail140(name.text, base.text, isExcluding && 'inSubject' in name)
        : compareEmail136(name.text, base.text);
    case 'other':
      return 'constraint-unsupported';
  }
}

/** The host of the URI is the base, or ends with it if that begins with a dot. */
function compareUri136(uri: string, base: string): Comparison {
  const host = uriHost136(uri);
  if (host === undefined) return 'name-unreadable';
  return verdict(base.startsWith('.') ? lower(host).endsWith(lower(base)) : lower(host) === lower(base));
}

/** As before, but host and base must be fully qualified domain names; a dot at their end does not count. */
function compareUri140(uri: string, base: string): Comparison {
  const host = uriHost140(uri);
  if (host === undefined) return 'name-unreadable';
  const relative = withoutEndDot(lower(base));
  const isEnd = relative.startsWith('.');
  if (!isFqdn(isEnd ? relative.slice(1) : relative)) return 'constraint-unsupported';
  return verdict(isEnd ? lower(host).endsWith(relative) : lower(host) === relative);
}

function isDnsBelow136(name: string, base: string): boolean {
  return base === '' || name === base || name.endsWith(base.startsWith('.') ? base : `.${base}`);
}

/** A dot at the end does not count, and an excluded base has a part of a wildcard if it is one label below it. */
function isDnsBelow140(absoluteName: string, absoluteBase: string, isExcluding: boolean): boolean {
  if (absoluteBase === '') return true;
  const [name, base] = [withoutEndDot(absoluteName), withoutEndDot(absoluteBase)];
  const dot = base.indexOf('.');
  if (isExcluding && name.startsWith('*.') && dot !== -1 && name.slice(2) === base.slice(dot + 1))
    return true;
  return name === base || name.endsWith(base.startsWith('.') ? base : `.${base}`);
}

/** The base is a host, a mailbox, or with a dot at its beginning the end of a host. The local part has case. */
function compareEmail136(email: string, base: string): Comparison {
  const at = email.indexOf('@');
  if (at === -1) return 'name-unreadable';
  const host = lower(email.slice(at + 1));
  const baseAt = base.indexOf('@');
  if (baseAt === -1 && base.startsWith('.')) return verdict(lower(email).endsWith(lower(base)));
  const isThisBox = baseAt <= 0 || base.slice(0, baseAt) === email.slice(0, at);
  return verdict(isThisBox && host === lower(base.slice(baseAt + 1)));
}

const mailbox = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]+$/;
const mailHost = /^[A-Za-z0-9.-]+$/;

/** As before, but both must be made of plain characters. */
function compareEmail140(email: string, base: string, isWithoutCase: boolean): Comparison {
  const [local = '', host = '', ...rest] = email.split('@');
  if (rest.length > 0 || !mailbox.test(local) || !mailHost.test(host)) return 'name-unreadable';
  const parts = base.split('@');
  const [baseLocal, baseHost = ''] = parts.length === 1 ? [undefined, parts[0]] : parts;
  if (parts.length > 2 || (baseLocal !== undefined && !mailbox.test(baseLocal)) || !mailHost.test(baseHost)) {
    return 'name-unreadable';
  }
  if (baseLocal !== undefined) {
    const isThisBox = isWithoutCase ? lower(baseLocal) === lower(local) : baseLocal === local;
    return verdict(isThisBox && lower(baseHost) === lower(host));
  }
  return verdict(
    baseHost.startsWith('.') ? lower(host).endsWith(lower(baseHost)) : lower(host) === lower(baseHost),
  );
}

function withoutEndDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

function verdict(matches: boolean): Comparison {
  return matches ? 'matches' : 'differs';
}

/** ASCII alone, as BoringSSL has it. */
function lower(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

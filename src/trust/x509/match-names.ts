import { isBelow } from './canonical-name.ts';
import type { NameConstraints, SubjectName, Subtree } from './subject-names.ts';

/** One label of a fully qualified domain name. */
const label = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** Versions of Envoy whose BoringSSL compares names differently. */
export type EnvoyEdition = '1.36' | '1.40';

/** Why name constraints refuse a name. */
export type NameProblem =
  'name-not-permitted' | 'name-excluded' | 'name-unreadable' | 'constraint-unsupported';

type Comparison = 'matches' | 'differs' | 'name-unreadable' | 'constraint-unsupported';

/** Returns why name constraints refuse a name in the BoringSSL of an Envoy version (RFC 5280, section 4.2.1.10). */
export function nameProblem(
  name: SubjectName,
  { permitted, excluded }: NameConstraints,
  edition: EnvoyEdition,
): NameProblem | undefined {
  const hasSameKind = ({ base }: Subtree): boolean => kindOf(base) === kindOf(name);
  let status: 'unconstrained' | 'no-match' | 'match' = 'unconstrained';
  for (const { base, isBounded } of permitted.filter(hasSameKind)) {
    if (isBounded) return 'constraint-unsupported';
    if (status === 'match') continue;
    status = 'no-match';
    const comparison = compare(name, base, edition, false);
    if (comparison === 'matches') status = 'match';
    else if (comparison !== 'differs') return comparison;
  }
  if (status === 'no-match') return 'name-not-permitted';
  for (const { base, isBounded } of excluded.filter(hasSameKind)) {
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

/** Matches if the host of the URI is the base, or ends with the base if the base begins with a dot. */
function compareUri136(uri: string, base: string): Comparison {
  const host = uriHost136(uri);
  if (host === undefined) return 'name-unreadable';
  return verdict(base.startsWith('.') ? lower(host).endsWith(lower(base)) : lower(host) === lower(base));
}

/** Like `compareUri136`, but host and base must be fully qualified domain names. A dot at their end is ignored. */
function compareUri140(uri: string, base: string): Comparison {
  const host = uriHost140(uri);
  if (host === undefined) return 'name-unreadable';
  const relative = withoutEndDot(lower(base));
  const isSuffix = relative.startsWith('.');
  if (!isFqdn(isSuffix ? relative.slice(1) : relative)) return 'constraint-unsupported';
  return verdict(isSuffix ? lower(host).endsWith(relative) : lower(host) === relative);
}

function isDnsBelow136(name: string, base: string): boolean {
  return base === '' || name === base || name.endsWith(base.startsWith('.') ? base : `.${base}`);
}

/** Like `isDnsBelow136`, but ignores a dot at the end, and a wildcard matches an excluded base one label below it. */
function isDnsBelow140(absoluteName: string, absoluteBase: string, isExcluding: boolean): boolean {
  if (absoluteBase === '') return true;
  const [name, base] = [withoutEndDot(absoluteName), withoutEndDot(absoluteBase)];
  const dot = base.indexOf('.');
  if (isExcluding && name.startsWith('*.') && dot !== -1 && name.slice(2) === base.slice(dot + 1))
    return true;
  return name === base || name.endsWith(base.startsWith('.') ? base : `.${base}`);
}

/** The base is a host, a mailbox or, with a leading dot, the end of a host. The local part is case-sensitive. */
function compareEmail136(email: string, base: string): Comparison {
  const at = email.indexOf('@');
  if (at === -1) return 'name-unreadable';
  const host = lower(email.slice(at + 1));
  const baseAt = base.indexOf('@');
  if (baseAt === -1 && base.startsWith('.')) return verdict(lower(email).endsWith(lower(base)));
  const isSameMailbox = baseAt <= 0 || base.slice(0, baseAt) === email.slice(0, at);
  return verdict(isSameMailbox && host === lower(base.slice(baseAt + 1)));
}

const mailbox = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]+$/;
const mailHost = /^[A-Za-z0-9.-]+$/;

/** Like `compareEmail136`, but address and base may have only plain characters. */
function compareEmail140(email: string, base: string, ignoresCase: boolean): Comparison {
  const [local = '', host = '', ...rest] = email.split('@');
  if (rest.length > 0 || !mailbox.test(local) || !mailHost.test(host)) return 'name-unreadable';
  const parts = base.split('@');
  const [baseLocal, baseHost = ''] = parts.length === 1 ? [undefined, parts[0]] : parts;
  if (parts.length > 2 || (baseLocal !== undefined && !mailbox.test(baseLocal)) || !mailHost.test(baseHost)) {
    return 'name-unreadable';
  }
  if (baseLocal !== undefined) {
    const isSameMailbox = ignoresCase ? lower(baseLocal) === lower(local) : baseLocal === local;
    return verdict(isSameMailbox && lower(baseHost) === lower(host));
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

/** Converts only ASCII letters to lower case, like BoringSSL. */
function lower(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Returns the host of a URI in the BoringSSL of Envoy 1.36, or `undefined` if it finds none. */
function uriHost136(uri: string): string | undefined {
  // BoringSSL reads up to the first colon, and only without a colon up to the first slash.
  const match = /^[^:]*:\/\/(?:(?<port>[^:]*):|(?<path>[^/]*)(?:\/|$))/.exec(uri);
  const host = match?.groups?.['port'] ?? match?.groups?.['path'] ?? '';
  return host === '' ? undefined : host;
}

/**
 * Returns the host of a URI in the BoringSSL of Envoy 1.40, without a dot at its end. It must be a fully qualified
 * domain name with an optional port (RFC 5280, section 4.2.1.10). Returns `undefined` for any other URI.
 */
function uriHost140(uri: string): string | undefined {
  const match = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/(?<host>[^/?#:]*)(?::[0-9]*)?(?=[/?#]|$)/.exec(uri);
  const host = match?.groups?.['host'];
  if (host === undefined) return undefined;
  const relative = host.endsWith('.') ? host.slice(0, -1) : host;
  return isFqdn(relative) ? relative : undefined;
}

/** Returns whether BoringSSL in Envoy 1.40 accepts a host as a fully qualified domain name, not as an address. */
function isFqdn(host: string): boolean {
  const labels = host.split('.');
  const last = labels.at(-1) ?? '';
  // In the URL Standard, a host whose last label is a number (decimal or hexadecimal) is an IPv4 address.
  const isNumber = /^(?:\d+|0[xX][0-9A-Fa-f]*)$/.test(last);
  return labels.every((one) => label.test(one)) && !isNumber;
}

import { isBelow } from './canonical-name.ts';
import type { CanonicalName } from './canonical-name.ts';
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
  constraints: NameConstraints,
  edition: EnvoyEdition,
): NameProblem | undefined {
  const { permitted, excluded } = basesOf(constraints, edition, kindOf(name));
  const compareTo = comparisonOf(name, edition, false);
  let status: 'unconstrained' | 'no-match' | 'match' = 'unconstrained';
  for (const base of permitted) {
    if (base.isBounded) return 'constraint-unsupported';
    if (status === 'match') continue;
    status = 'no-match';
    const comparison = compareTo(base);
    if (comparison === 'matches') status = 'match';
    else if (comparison !== 'differs') return comparison;
  }
  if (status === 'no-match') return 'name-not-permitted';
  const compareToExcluded = comparisonOf(name, edition, true);
  for (const base of excluded) {
    if (base.isBounded) return 'constraint-unsupported';
    const comparison = compareToExcluded(base);
    if (comparison === 'matches') return 'name-excluded';
    if (comparison !== 'differs') return comparison;
  }
  return undefined;
}

/** The base of a constraint. Whatever does not depend on the name is computed once, not in each comparison. */
interface Base {
  readonly isBounded: boolean;
  /** False if an Envoy of the version compares no name with it. */
  readonly isSupported: boolean;
  /** Whether names match that end with the text. */
  readonly isSuffix: boolean;
  /** The host, in lower case. */
  readonly text: string;
  /** The end of DNS names below the host. */
  readonly below: string;
  /** The host without its first label. */
  readonly parent: string | undefined;
  /** The local part of a mailbox. */
  readonly local: string | undefined;
  readonly directory: CanonicalName | undefined;
}

interface Bases {
  readonly permitted: readonly Base[];
  readonly excluded: readonly Base[];
}

/** The bases of constraints by version and kind, while the constraints live. */
const prepared = new WeakMap<NameConstraints, Map<string, Bases>>();

function basesOf(constraints: NameConstraints, edition: EnvoyEdition, kind: string): Bases {
  let known = prepared.get(constraints);
  if (known === undefined) prepared.set(constraints, (known = new Map<string, Bases>()));
  const key = `${edition} ${kind}`;
  let bases = known.get(key);
  if (bases === undefined) {
    const ofKind = (subtrees: readonly Subtree[]): readonly Base[] =>
      subtrees.filter(({ base }) => kindOf(base) === kind).map((subtree) => prepare(subtree, edition));
    bases = { permitted: ofKind(constraints.permitted), excluded: ofKind(constraints.excluded) };
    known.set(key, bases);
  }
  return bases;
}

function kindOf(name: SubjectName): string {
  return name.kind === 'other' ? String(name.tag) : name.kind;
}

const emptyBase = {
  isSupported: true,
  isSuffix: false,
  text: '',
  below: '',
  parent: undefined,
  local: undefined,
  directory: undefined,
};

function prepare({ base, isBounded }: Subtree, edition: EnvoyEdition): Base {
  const isNew = edition === '1.40';
  switch (base.kind) {
    case 'directory':
      return { ...emptyBase, isBounded, directory: base.name };
    case 'uri': {
      const text = isNew ? withoutEndDot(lower(base.text)) : lower(base.text);
      const isSuffix = text.startsWith('.');
      // In 1.40, host and base must be fully qualified domain names. A dot at their end is ignored.
      const isSupported = !isNew || isFqdn(isSuffix ? text.slice(1) : text);
      return { ...emptyBase, isBounded, isSupported, isSuffix, text };
    }
    case 'dns': {
      if (base.text === '') return { ...emptyBase, isBounded };
      const text = isNew ? withoutEndDot(lower(base.text)) : lower(base.text);
      const dot = text.indexOf('.');
      const below = text.startsWith('.') ? text : `.${text}`;
      return { ...emptyBase, isBounded, text, below, parent: dot === -1 ? undefined : text.slice(dot + 1) };
    }
    case 'email':
      return {
        ...emptyBase,
        isBounded,
        ...(isNew ? prepareEmail140(base.text) : prepareEmail136(base.text)),
      };
    case 'ip':
    case 'other':
      return { ...emptyBase, isBounded };
  }
}

/** Returns the comparison of a name with bases of its kind. */
function comparisonOf(
  name: SubjectName,
  edition: EnvoyEdition,
  isExcluding: boolean,
): (base: Base) => Comparison {
  const isNew = edition === '1.40';
  switch (name.kind) {
    case 'directory':
      return ({ directory }) => verdict(directory !== undefined && isBelow(name.name, directory));
    case 'uri':
      return compareHost(isNew ? uriHost140(name.text) : uriHost136(name.text));
    case 'dns':
      return isNew ? compareDns140(lower(name.text), isExcluding) : compareDns136(lower(name.text));
    case 'email':
      return isNew
        ? compareEmail140(name.text, isExcluding && 'inSubject' in name)
        : compareEmail136(name.text);
    case 'ip':
    case 'other':
      return () => 'constraint-unsupported';
  }
}

/** Matches if the host of the URI is the base, or ends with the base if the base begins with a dot. */
function compareHost(host: string | undefined): (base: Base) => Comparison {
  if (host === undefined) return () => 'name-unreadable';
  const name = lower(host);
  return ({ isSupported, isSuffix, text }) =>
    isSupported ? verdict(isSuffix ? name.endsWith(text) : name === text) : 'constraint-unsupported';
}

function compareDns136(name: string): (base: Base) => Comparison {
  return ({ text, below }) => verdict(name === text || name.endsWith(below));
}

/** Like `compareDns136`, but ignores a dot at the end, and a wildcard matches an excluded base one label below it. */
function compareDns140(absoluteName: string, isExcluding: boolean): (base: Base) => Comparison {
  const name = withoutEndDot(absoluteName);
  const wildcard = isExcluding && name.startsWith('*.') ? name.slice(2) : undefined;
  return ({ text, below, parent }) =>
    verdict(name === text || name.endsWith(below) || (wildcard !== undefined && wildcard === parent));
}

/** The base is a host, a mailbox or, with a leading dot, the end of a host. The local part is case-sensitive. */
function prepareEmail136(base: string): Pick<Base, 'isSuffix' | 'text' | 'local'> {
  const at = base.indexOf('@');
  const text = lower(base.slice(at + 1));
  return {
    isSuffix: at === -1 && base.startsWith('.'),
    text,
    local: at <= 0 ? undefined : base.slice(0, at),
  };
}

function compareEmail136(email: string): (base: Base) => Comparison {
  const at = email.indexOf('@');
  if (at === -1) return () => 'name-unreadable';
  const [mailboxName, whole] = [email.slice(0, at), lower(email)];
  const host = whole.slice(at + 1);
  return ({ isSuffix, text, local }) =>
    verdict(
      isSuffix ? whole.endsWith(text) : (local === undefined || local === mailboxName) && host === text,
    );
}

const mailbox = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]+$/;
const mailHost = /^[A-Za-z0-9.-]+$/;

/** Like `prepareEmail136`, but the base may have only plain characters. */
function prepareEmail140(base: string): Pick<Base, 'isSupported' | 'isSuffix' | 'text' | 'local'> {
  const parts = base.split('@');
  const [local, host = ''] = parts.length === 1 ? [undefined, parts[0]] : parts;
  const isSupported =
    parts.length <= 2 && (local === undefined || mailbox.test(local)) && mailHost.test(host);
  return { isSupported, isSuffix: local === undefined && host.startsWith('.'), text: lower(host), local };
}

function compareEmail140(email: string, ignoresCase: boolean): (base: Base) => Comparison {
  const [local = '', host = '', ...rest] = email.split('@');
  if (rest.length > 0 || !mailbox.test(local) || !mailHost.test(host)) return () => 'name-unreadable';
  const [name, mailboxName] = [lower(host), ignoresCase ? lower(local) : local];
  return ({ isSupported, isSuffix, text, local: baseLocal }) => {
    if (!isSupported) return 'name-unreadable';
    if (isSuffix) return verdict(name.endsWith(text));
    const isSameMailbox =
      baseLocal === undefined || mailboxName === (ignoresCase ? lower(baseLocal) : baseLocal);
    return verdict(isSameMailbox && name === text);
  };
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

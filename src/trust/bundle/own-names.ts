import type { Certificate } from '../x509/certificate.ts';
import { nameProblem } from '../x509/match-names.ts';
import type { EnvoyEdition } from '../x509/match-names.ts';
import { readNameConstraints, readSubjectNames } from '../x509/subject-names.ts';
import type { NameConstraints } from '../x509/subject-names.ts';

/**
 * The maximum number of comparisons that BoringSSL makes for one certificate. Above it, it refuses the path. It also
 * bounds the comparisons here for all certificates of one trust domain, which take a tenth of a second.
 */
const comparisonLimit = 2 ** 20;

const bothEditions: readonly EnvoyEdition[] = ['1.36', '1.40'];

/** The first issuer whose name constraints refuse a name of a certificate. */
export interface Refusal {
  readonly issuer: Certificate;
  /** The Envoy versions that refuse it; `undefined` if there are too many names to compare. */
  readonly editions: readonly EnvoyEdition[] | undefined;
}

/** What was found out about the names of a child and the constraints of its issuer. It never changes. */
interface Pair {
  readonly comparisons: number;
  editions?: readonly EnvoyEdition[];
}

const pairs = new WeakMap<Certificate, WeakMap<Certificate, Pair>>();

/** The last trust domain of which each CA was asked, since most CAs are in one. */
const domains = new WeakMap<
  Certificate,
  { readonly trustDomain: string; readonly editions: readonly EnvoyEdition[] }
>();

/** Returns the Envoy versions in which the name constraints of a CA refuse all SPIFFE IDs of a trust domain. */
export function refusingEditions(certificate: Certificate, trustDomain: string): readonly EnvoyEdition[] {
  const last = domains.get(certificate);
  if (last?.trustDomain === trustDomain) return last.editions;
  const constraints = readNameConstraints(certificate.der);
  const id = { kind: 'uri', text: `spiffe://${trustDomain}/x` } as const;
  const editions = bothEditions.filter(
    (edition) => constraints !== undefined && nameProblem(id, constraints, edition) !== undefined,
  );
  domains.set(certificate, { trustDomain, editions });
  return editions;
}

/**
 * Compares the names of certificates with the name constraints of their issuers. Returns the certificates that an
 * issuer refuses, or for which that is unknown. If there are too many comparisons, the certificates with the fewest are
 * decided, so that a large one does not affect the others.
 */
export function compareWithIssuers(
  children: readonly (readonly [child: Certificate, issuers: readonly Certificate[]])[],
): ReadonlyMap<Certificate, Refusal> {
  const readers = createReaders();
  const work = children.map(([child, issuers]) => {
    const known = issuers.map((issuer) => ({ issuer, pair: readers.pairOf(child, issuer) }));
    return { child, known, cost: known.reduce((sum, { pair }) => sum + costOf(pair), 0) };
  });
  const refusals = new Map<Certificate, Refusal>();
  let left = comparisonLimit;
  for (const { child, known, cost } of work.sort((a, b) => a.cost - b.cost)) {
    left -= cost;
    for (const { issuer, pair } of known) {
      const editions = left < 0 && costOf(pair) > 0 ? undefined : readers.editionsOf(child, issuer, pair);
      if (editions?.length === 0) continue;
      refusals.set(child, { issuer, editions });
      break;
    }
  }
  return refusals;
}

/** Returns the comparisons that are made for a pair: none if Envoy refuses it without them. */
function costOf({ comparisons }: Pair): number {
  return comparisons > comparisonLimit ? 0 : comparisons;
}

/** Creates readers that decode the constraints of an issuer once. They are for one bundle: constraints can be large. */
function createReaders(): {
  readonly pairOf: (child: Certificate, issuer: Certificate) => Pair;
  readonly editionsOf: (child: Certificate, issuer: Certificate, pair: Pair) => readonly EnvoyEdition[];
} {
  const decoded = new Map<Certificate, NameConstraints | undefined>();
  const constraintsOf = (issuer: Certificate): NameConstraints | undefined => {
    if (!decoded.has(issuer)) decoded.set(issuer, readNameConstraints(issuer.der));
    return decoded.get(issuer);
  };
  const compare = (child: Certificate, issuer: Certificate): readonly EnvoyEdition[] => {
    const constraints = constraintsOf(issuer);
    if (constraints === undefined) return [];
    const names = readSubjectNames(child.der);
    return bothEditions.filter((edition) =>
      names.some(
        (name) => ('isIa5' in name && !name.isIa5) || nameProblem(name, constraints, edition) !== undefined,
      ),
    );
  };
  return {
    pairOf(child, issuer) {
      let known = pairs.get(child);
      if (known === undefined) pairs.set(child, (known = new WeakMap()));
      let pair = known.get(issuer);
      if (pair === undefined) {
        const { permitted, excluded } = constraintsOf(issuer) ?? { permitted: [], excluded: [] };
        const bases = permitted.length + excluded.length;
        known.set(issuer, (pair = { comparisons: readSubjectNames(child.der).length * bases }));
      }
      return pair;
    },
    editionsOf(child, issuer, pair) {
      return (pair.editions ??= pair.comparisons > comparisonLimit ? bothEditions : compare(child, issuer));
    },
  };
}

import { matchesAuthorityKeyId } from './authority-key-id.ts';
import { canonicalNameKey } from './canonical-name.ts';
import type { Certificate } from './certificate.ts';
import { signedBy } from './signed-by.ts';

/** The possible issuers of one certificate in a set. */
export interface IssuerSearch {
  /** The certificates that match the issuer by name and key identifier. Empty if there are too many to compare. */
  readonly candidates: readonly Certificate[];
  /** The candidates that signed the certificate; `undefined` if there are too many of them to verify. */
  readonly issuers: readonly Certificate[] | undefined;
}

/**
 * The number of signatures of one set that are verified to choose between several candidates. The writer of a set
 * decides how many there could be: 500 roots of one name and 500 intermediates without key identifiers have 250,000.
 * With keys of P-521 each takes a millisecond. A certificate with one candidate is always verified.
 */
const ambiguousVerifications = 256;

/** The pairs of certificates of one set whose identifiers are compared: those of 1,000 intermediates and 1,000 CAs. */
const identifierComparisons = 2 ** 20;

/** Signatures that are verified in one step: they take up to ten milliseconds. */
const verificationsPerStep = 10;

/**
 * Finds the issuers of all certificates of a set that are not self-signed. If a bound is reached, the certificates with
 * the fewest candidates have been decided, so that a few odd certificates do not affect the others of their trust
 * domain. The result depends on the certificates and their order only, not on what was verified before.
 */
export function findIssuers(certificates: readonly Certificate[]): ReadonlyMap<Certificate, IssuerSearch> {
  const steps = findIssuersSteps(certificates);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/**
 * Finds like `findIssuers`, but yields after some verifications so that other work can run before the next. What it
 * verifies needs no verification later, while the certificates live.
 */
export function* findIssuersSteps(
  certificates: readonly Certificate[],
): Generator<undefined, ReadonlyMap<Certificate, IssuerSearch>> {
  if (certificates.every(({ selfSigned }) => selfSigned)) return new Map();
  const candidates = findCandidates(certificates);
  const issuers = new Map<Certificate, readonly Certificate[] | undefined>();
  let left = ambiguousVerifications;
  let verified = 0;
  for (const [certificate, found] of byCount(candidates, (list) => list?.length ?? Number.MAX_SAFE_INTEGER)) {
    const cost =
      found === undefined || found.length <= 1 || !certificate.signatureSupported ? 0 : found.length;
    left -= cost;
    const isDecided = found !== undefined && (cost === 0 || left >= 0);
    if (!isDecided) {
      issuers.set(certificate, undefined);
      continue;
    }
    const signers: Certificate[] = [];
    for (const candidate of found) {
      if (signedBy(certificate, candidate)) signers.push(candidate);
      verified += 1;
      if (verified % verificationsPerStep === 0) yield;
    }
    issuers.set(certificate, signers);
  }
  return new Map(
    [...candidates].map(([certificate, found = []]) => [
      certificate,
      { candidates: found, issuers: issuers.get(certificate) },
    ]),
  );
}

/** Returns the candidates of each certificate; `undefined` where there are too many to compare. */
function findCandidates(
  certificates: readonly Certificate[],
): ReadonlyMap<Certificate, readonly Certificate[] | undefined> {
  const namesakesOf = indexNamesakes(certificates);
  const namesakes = new Map(
    certificates
      .filter(({ selfSigned }) => !selfSigned)
      .map((certificate) => [certificate, namesakesOf(certificate)]),
  );
  const candidates = new Map<Certificate, readonly Certificate[] | undefined>();
  let left = identifierComparisons;
  for (const [certificate, lists] of byCount(namesakes, countAll)) {
    left -= countAll(lists);
    candidates.set(
      certificate,
      left < 0
        ? undefined
        : lists.flatMap((list) =>
            list.filter(
              (candidate) => candidate !== certificate && matchesAuthorityKeyId(certificate, candidate),
            ),
          ),
    );
  }
  return new Map([...namesakes.keys()].map((certificate) => [certificate, candidates.get(certificate)]));
}

/**
 * Returns a function that looks up the certificates with the issuer's name of a certificate. Those whose key identifier
 * tells that they are not the issuer are left out: a trust domain can have many CAs of one name.
 */
function indexNamesakes(
  certificates: readonly Certificate[],
): (certificate: Certificate) => readonly (readonly Certificate[])[] {
  const bySubject = new Map(
    [...Map.groupBy(certificates, ({ subjectDer }) => canonicalNameKey(subjectDer))].map(([name, all]) => [
      name,
      { all, byKeyId: Map.groupBy(all, ({ subjectKeyId }) => subjectKeyId) },
    ]),
  );
  return ({ issuerDer, authorityKeyId }) => {
    const namesakes = bySubject.get(canonicalNameKey(issuerDer));
    if (namesakes === undefined) return [];
    if (authorityKeyId === undefined) return [namesakes.all];
    const { byKeyId } = namesakes;
    return [byKeyId.get(authorityKeyId) ?? [], byKeyId.get(undefined) ?? []];
  };
}

function countAll(lists: readonly (readonly unknown[])[]): number {
  return lists.reduce((sum, { length }) => sum + length, 0);
}

/** Returns the entries with the lowest counts first; those with the same count keep their order. */
function byCount<Value>(
  entries: ReadonlyMap<Certificate, Value>,
  countOf: (value: Value) => number,
): readonly (readonly [Certificate, Value])[] {
  return [...entries].sort(([, a], [, b]) => countOf(a) - countOf(b));
}

import type { Certificate } from '../x509/certificate.ts';
import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { MeshStates } from '../snapshot/mesh-builder.ts';

/** One hash of a distrust list: 16 to 64 lower-case hex digits. Fewer than 64 digits are a prefix. */
interface DistrustEntry {
  readonly hash: string;
  /** 1-based line of the list. */
  readonly line: number;
}

/** An invalid line of a distrust list. */
interface BadLine {
  readonly line: number;
  readonly reason: string;
}

/** The valid entries and the invalid lines of a distrust list. */
export interface DistrustReading {
  readonly entries: readonly DistrustEntry[];
  readonly bad: readonly BadLine[];
}

/** The digits of a whole SHA-256, and the number of digits in the tables of `meshtrust`. */
const wholeLength = 64;
const shortestPrefix = 16;
/** The digits of a SHA-1, which `openssl x509 -fingerprint` prints by default. */
const sha1Length = 40;

/** Labels that tools print before a hash: `sha256 Fingerprint=`, `SHA256:`, `SHA2-256(stdin)= `. */
const sha256Label = /^sha(?:2-|-)?256(?:\([^)]*\))?\s*(?:fingerprint\s*)?[=:]\s*/i;

/**
 * Parses a distrust list: one SHA-256 per line, of a certificate or a public key (SPKI). A hash is hex in either case,
 * with or without colons, in the form that `openssl x509 -fingerprint -sha256` prints, or its first 16 or more digits.
 * `#` begins a comment. An invalid line has no effect on the others.
 */
export function readDistrust(text: string): DistrustReading {
  const entries: DistrustEntry[] = [];
  const bad: BadLine[] = [];
  for (const [index, written] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const content = withoutComment(written).replace('\ufeff', '').trim();
    if (content === '') continue;
    const hash = parseHash(content);
    if (hash.kind === 'hash') entries.push({ hash: hash.hash, line });
    else bad.push({ line, reason: hash.reason });
  }
  return { entries, bad };
}

/** Removes a comment. `/#.*$/` would be quadratic for a comment with a line terminator that `.` does not match. */
function withoutComment(line: string): string {
  const start = line.indexOf('#');
  return start === -1 ? line : line.slice(0, start);
}

/** A parsed hash, or the reason why the text is not one. */
export type HashReading =
  { readonly kind: 'hash'; readonly hash: string } | { readonly kind: 'invalid'; readonly reason: string };

/** Parses one hash in the form of a line of the list. The reason of an invalid hash does not quote it. */
export function parseHash(content: string): HashReading {
  const invalid = (reason: string): HashReading => ({ kind: 'invalid', reason });
  if (/^(?:sha-?1|md5)\b/i.test(content))
    return invalid('is not a SHA-256 (openssl x509 -fingerprint -sha256)');
  const hash = content.replace(sha256Label, '').replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]+$/.test(hash)) return invalid('is not a SHA-256 in hex');
  if (hash.length === sha1Length)
    return invalid('has 40 digits, as a SHA-1 has; a SHA-256 has 64 (openssl x509 -fingerprint -sha256)');
  if (hash.length < shortestPrefix)
    return invalid(`has ${hash.length} digits; at least ${shortestPrefix} are needed`);
  if (hash.length > wholeLength) return invalid(`has ${hash.length} digits; a SHA-256 has ${wholeLength}`);
  return { kind: 'hash', hash };
}

/** A set of distrusted hashes. An entry that is a prefix matches all hashes that begin with it. */
export interface DistrustedHashes {
  has(hash: string): boolean;
}

/** Makes the set of distrusted hashes from the entries of a list. */
export function distrustedBy(hashes: Iterable<string>): DistrustedHashes {
  const whole = new Set<string>();
  const prefixes: string[] = [];
  for (const hash of hashes) {
    if (hash.length === wholeLength) whole.add(hash);
    else prefixes.push(hash);
  }
  return { has: (hash) => whole.has(hash) || prefixes.some((prefix) => hash.startsWith(prefix)) };
}

/** Returns whether an entry matches the fingerprint of a certificate or the hash of its key. */
export function matchesEntry(
  hash: string,
  {
    fingerprint,
    keyHash,
    compressedKeyHash,
  }: Pick<Certificate, 'fingerprint' | 'keyHash'> & Partial<Pick<Certificate, 'compressedKeyHash'>>,
): boolean {
  return [fingerprint, keyHash, compressedKeyHash].some((one) => one?.startsWith(hash) === true);
}

/** Milliseconds for which a list that removes hashes must be unchanged before it applies. */
export const distrustSettleMs = 100;

/** The distrust list in force, and the removals of a newer list that do not apply yet. */
export interface DistrustState {
  /** The entries that are in force. */
  readonly hashes: ReadonlySet<string>;
  /** The newest reading of the file, for the findings about its lines. */
  readonly reading: DistrustReading;
  /** The newest text, if it removes hashes that are still in force. `since`: monotonic milliseconds. */
  readonly pendingRemoval?: { readonly text: string; readonly since: number };
  /** Why the newest text removes no hash. */
  readonly refused?: string;
}

/** Returns the state of a list after its first read. */
export function initialDistrust(text: string): DistrustState {
  const reading = readDistrust(text);
  return { hashes: new Set(reading.entries.map(({ hash }) => hash)), reading };
}

/**
 * Returns the next state after the list was read again. Added hashes apply at once, whatever else is in the list. A
 * list in the middle of a write is shorter for a moment, and the CAs that it omits would be served. Removed hashes
 * therefore apply only once the list is unchanged for `distrustSettleMs`. An empty list removes no hash. A list with an
 * invalid line removes none either, since the line may be a damaged hash.
 */
export function updateDistrust(state: DistrustState, text: string, now: number): DistrustState {
  const { hashes } = state;
  if (text.trim() === '' && hashes.size > 0) return { ...keep(state), refused: 'it is empty' };
  const reading = readDistrust(text);
  const next = new Set(reading.entries.map(({ hash }) => hash));
  const added = [...next].filter((hash) => !hashes.has(hash));
  const all = added.length === 0 ? hashes : new Set([...hashes, ...added]);
  const [bad] = reading.bad;
  if (bad !== undefined) return { hashes: all, reading, refused: `line ${bad.line} ${bad.reason}` };
  if (hashes.size + added.length === next.size)
    return { hashes: added.length === 0 ? hashes : next, reading };
  const since = state.pendingRemoval?.text === text ? state.pendingRemoval.since : now;
  if (now - since >= distrustSettleMs) return { hashes: next, reading };
  return { hashes: all, reading, pendingRemoval: { text, since } };
}

/** Returns the state after a failed read of the list. Its hashes stay in force. */
export function keepDistrust(state: DistrustState, reason: string): DistrustState {
  return { ...keep(state), refused: reason };
}

function keep({ hashes, reading }: DistrustState): DistrustState {
  return { hashes, reading };
}

/** Returns the findings about a distrust list: invalid lines, and lines that match no listed certificate. */
export function distrustFindings(
  file: string,
  { reading, refused, hashes }: DistrustState,
  meshes: MeshStates,
): readonly Finding[] {
  const bad = reading.bad.map(({ line, reason }) =>
    finding('MT060', `the line ${reason}; it distrusts nothing, and the other lines apply`, { file, line }),
  );
  if (refused !== undefined && bad.length === 0)
    bad.push(
      finding('MT060', `the distrust list cannot be used: ${refused}; ${hashes.size} entries stay in force`, {
        file,
      }),
    );
  // Before any mesh is served, no line can match.
  if (meshes.size === 0) return bad;
  const distrusted = [...meshes.values()].flatMap(({ bundle }) =>
    bundle.bundles.flatMap((domain) => domain.distrusted),
  );
  const idle = reading.entries
    .filter(({ hash }) => !distrusted.some((certificate) => matchesEntry(hash, certificate)))
    .map(({ line }) => finding('MT061', 'the line matches no listed certificate', { file, line }));
  return [...bad, ...idle];
}

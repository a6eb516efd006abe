import type { Certificate } from '../x509/certificate.ts';

/** One hash of a distrust list: 16 to 64 hex digits in lower case. A shorter one stands for all that begin with it. */
export interface DistrustEntry {
  readonly hash: string;
  /** 1-based line of the list. */
  readonly line: number;
}

/** A line that is not understood. */
export interface BadLine {
  readonly line: number;
  readonly reason: string;
}

export interface DistrustReading {
  readonly entries: readonly DistrustEntry[];
  readonly bad: readonly BadLine[];
}

/** Digits of a whole SHA-256, and those that the tables of `meshtrust` print. */
const wholeLength = 64;
const shortestPrefix = 16;
/** Digits of a SHA-1, which `openssl x509 -fingerprint` prints by default. */
const sha1Length = 40;

/** What stands before a hash where a tool printed it: `sha256 Fingerprint=`, `SHA256:`, `SHA2-256(stdin)= `. */
const sha256Label = /^sha(?:2-|-)?256(?:\([^)]*\))?\s*(?:fingerprint\s*)?[=:]\s*/i;

/**
 * Reads a distrust list: one SHA-256 a line, of a certificate or of a public key (SPKI), in hex with or without colons,
 * in either case, as `openssl x509 -fingerprint -sha256` prints it or as the first 16 digits or more; `#` begins a
 * comment. A line that is not understood takes nothing from the others.
 */
export function readDistrust(text: string): DistrustReading {
  const entries: DistrustEntry[] = [];
  const bad: BadLine[] = [];
  for (const [index, written] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const content = written.replace(/#.*$/, '').replace('\ufeff', '').trim();
    if (content === '') continue;
    const hash = parseHash(content);
    if (hash.kind === 'hash') entries.push({ hash: hash.hash, line });
    else bad.push({ line, reason: hash.reason });
  }
  return { entries, bad };
}

export type HashReading =
  { readonly kind: 'hash'; readonly hash: string } | { readonly kind: 'invalid'; readonly reason: string };

/** Reads one hash, as a line of the list has it. The reason does not quote it. */
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

/** Whether a hash is in a list; a short entry stands for all hashes that begin with it. */
export interface DistrustedHashes {
  has(hash: string): boolean;
}

/** The hashes that a list of entries stands for. */
export function distrustedBy(hashes: Iterable<string>): DistrustedHashes {
  const whole = new Set<string>();
  const prefixes: string[] = [];
  for (const hash of hashes) {
    if (hash.length === wholeLength) whole.add(hash);
    else prefixes.push(hash);
  }
  return { has: (hash) => whole.has(hash) || prefixes.some((prefix) => hash.startsWith(prefix)) };
}

/** Whether an entry stands for a certificate: by its fingerprint or by the hash of its key. */
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

/** Milliseconds for which a list that takes hashes away must have been the same. */
export const distrustSettleMs = 100;

/** The list in force, and what of a newer one does not apply yet. */
export interface DistrustState {
  /** The entries that are in force. */
  readonly hashes: ReadonlySet<string>;
  /** The newest reading of the file, for what is said of its lines. */
  readonly reading: DistrustReading;
  /** The newest text, where it took hashes away that are still in force. `since`: monotonic milliseconds. */
  readonly shorter?: { readonly text: string; readonly since: number };
  /** Why the newest text takes nothing away. */
  readonly refused?: string;
}

/** The state of a list that is read for the first time. */
export function firstDistrust(text: string): DistrustState {
  const reading = readDistrust(text);
  return { hashes: new Set(reading.entries.map(({ hash }) => hash)), reading };
}

/**
 * The next state after the list was read again. Hashes that are added count at once, whatever else is in the list. A
 * list that is being written is a shorter one for a moment, and what it leaves out would be served: it takes hashes
 * away only once it has been the same for a while. A list that is empty takes none away, and neither does one with a
 * line that is not understood, which may be a hash that was in it before.
 */
export function rereadDistrust(state: DistrustState, text: string, now: number): DistrustState {
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
  const since = state.shorter?.text === text ? state.shorter.since : now;
  if (now - since >= distrustSettleMs) return { hashes: next, reading };
  return { hashes: all, reading, shorter: { text, since } };
}

/** The state of a list that cannot be read any more. */
export function unreadDistrust(state: DistrustState, reason: string): DistrustState {
  return { ...keep(state), refused: reason };
}

function keep({ hashes, reading }: DistrustState): DistrustState {
  return { hashes, reading };
}

/** The distrust list could not be understood; the list in force stays. */
export type DistrustReading =
  | { readonly kind: 'list'; readonly hashes: ReadonlySet<string> }
  | { readonly kind: 'invalid'; readonly line: number };

/**
 * Reads a distrust list: one SHA-256 a line, of a certificate or of a public key (SPKI), in hex with or
 * without colons; `#` begins a comment. A line that is not understood refuses the whole list, since
 * serving what somebody meant to distrust is worse than keeping the list before.
 */
export function readDistrust(text: string): DistrustReading {
  const hashes = new Set<string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const hash = line.replace(/#.*$/, '').replaceAll(':', '').trim().toLowerCase();
    if (hash === '') continue;
    if (!/^[0-9a-f]{64}$/.test(hash)) return { kind: 'invalid', line: index + 1 };
    hashes.add(hash);
  }
  return { kind: 'list', hashes };
}

/** Milliseconds for which a list that takes hashes away must have been the same. */
export const distrustSettleMs = 100;

/** The list in force, and what of a newer one is not believed yet. */
export interface DistrustState {
  readonly hashes: ReadonlySet<string>;
  /** The newest text, where it took hashes away that are still in force. `since`: monotonic milliseconds. */
  readonly shorter?: { readonly text: string; readonly since: number };
  /** Why the newest text is refused. */
  readonly refused?: string;
}

/**
 * The next state after the list was read again. Hashes that are added count at once. A list that is being
 * written is a shorter one for a moment, and what it leaves out would be served: it takes hashes away only
 * once it has been the same for a while, and an empty file takes none away.
 */
export function rereadDistrust(state: DistrustState, text: string, now: number): DistrustState {
  const { hashes } = state;
  if (text.trim() === '' && hashes.size > 0) return { hashes, refused: 'it is empty' };
  const reading = readDistrust(text);
  if (reading.kind === 'invalid') return { hashes, refused: `line ${reading.line} is not a SHA-256 in hex` };
  const next = reading.hashes;
  const added = [...next].filter((hash) => !hashes.has(hash));
  if (hashes.size + added.length === next.size) return { hashes: added.length === 0 ? hashes : next };
  const since = state.shorter?.text === text ? state.shorter.since : now;
  if (now - since >= distrustSettleMs) return { hashes: next };
  return { hashes: added.length === 0 ? hashes : new Set([...hashes, ...added]), shorter: { text, since } };
}

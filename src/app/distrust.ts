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

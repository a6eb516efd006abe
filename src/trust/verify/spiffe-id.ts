import type { SubjectName } from '../x509/subject-names.ts';

const scheme = 'spiffe://';

/** What Envoy makes of a leaf's names: it looks at the first URI alone. */
export type LeafId =
  | { readonly kind: 'spiffe-id'; readonly id: string; readonly trustDomain: string }
  | { readonly kind: 'none'; readonly reason: string };

/**
 * The SPIFFE ID by which Envoy chooses a trust domain: the first URI, whatever stands after it, its name between
 * `spiffe://` and the next slash, byte for byte.
 */
export function readLeafId(names: readonly SubjectName[] | undefined): LeafId {
  const first = names?.find(({ kind }) => kind === 'uri');
  if (first?.kind !== 'uri') return { kind: 'none', reason: 'the leaf has no URI among its names' };
  const { text } = first;
  if (!text.startsWith(scheme)) {
    return { kind: 'none', reason: `the first URI of the leaf is not a SPIFFE ID: ${text}` };
  }
  const end = text.indexOf('/', scheme.length);
  if (end === -1) {
    return { kind: 'none', reason: `the SPIFFE ID of the leaf has no path, which Envoy wants: ${text}` };
  }
  const trustDomain = text.slice(scheme.length, end);
  return trustDomain === ''
    ? { kind: 'none', reason: `the SPIFFE ID of the leaf names no trust domain: ${text}` }
    : { kind: 'spiffe-id', id: text, trustDomain };
}

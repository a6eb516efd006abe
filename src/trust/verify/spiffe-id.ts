import type { SubjectName } from '../x509/subject-names.ts';

const scheme = 'spiffe://';

/** The SPIFFE ID of a leaf, or why Envoy finds none. Envoy reads only the first URI. */
export type LeafId =
  | { readonly kind: 'spiffe-id'; readonly id: string; readonly trustDomain: string }
  | { readonly kind: 'none'; readonly reason: string };

/**
 * Returns the SPIFFE ID by which Envoy selects a trust domain. It is the first URI, whatever names follow it. The trust
 * domain is the part between `spiffe://` and the next slash, byte for byte.
 */
export function readLeafId(names: readonly SubjectName[] | undefined): LeafId {
  const first = names?.find(({ kind }) => kind === 'uri');
  if (first?.kind !== 'uri')
    return { kind: 'none', reason: 'the leaf has no URI in its subject alternative names' };
  const { text } = first;
  if (!text.startsWith(scheme)) {
    return { kind: 'none', reason: `the first URI of the leaf is not a SPIFFE ID: ${text}` };
  }
  const end = text.indexOf('/', scheme.length);
  if (end === -1) {
    return { kind: 'none', reason: `the SPIFFE ID of the leaf has no path, which Envoy requires: ${text}` };
  }
  const trustDomain = text.slice(scheme.length, end);
  return trustDomain === ''
    ? { kind: 'none', reason: `the SPIFFE ID of the leaf has no trust domain: ${text}` }
    : { kind: 'spiffe-id', id: text, trustDomain };
}

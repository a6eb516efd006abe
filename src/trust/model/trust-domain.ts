import type { TrustDomain } from './mesh-trust.ts';

/** The trust domain of the deny-all secret. No MeshTrust may use it. */
export const denyAllTrustDomain = 'deny-all.invalid' as TrustDomain;

const maxTrustDomainLength = 253;

/**
 * Parses a trust domain name (SPIFFE ID, section 2.1). Envoy accepts any string and compares it byte for byte with the
 * trust domain in the URI SAN of the client, so a name in another form would silently never match.
 */
export function parseTrustDomain(
  text: string,
):
  | { readonly kind: 'trust-domain'; readonly name: TrustDomain }
  | { readonly kind: 'invalid'; readonly reason: string } {
  const reason = invalidReason(text);
  return reason === undefined
    ? { kind: 'trust-domain', name: text as TrustDomain }
    : { kind: 'invalid', reason };
}

function invalidReason(text: string): string | undefined {
  if (text === '') return 'must not be empty';
  if (text.startsWith('spiffe://')) return 'must be the bare name, without spiffe://';
  if (text.includes('/')) return 'must not have a path: a slash is not part of a trust domain';
  if (/[A-Z]/.test(text)) return 'must be in lower case: Envoy compares names byte for byte';
  if (text.length > maxTrustDomainLength) return `must be at most ${maxTrustDomainLength} characters`;
  if (!/^[a-z0-9._-]+$/.test(text)) return "may have only lower case letters, digits, '.', '-' and '_'";
  if (text === denyAllTrustDomain)
    return `must not be ${denyAllTrustDomain}, which is reserved for the deny-all secret`;
  return undefined;
}

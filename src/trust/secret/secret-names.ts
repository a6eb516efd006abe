import { parseTrustDomain } from '../model/trust-domain.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';

/** The secret of all trust domains of a mesh: the name that Kuma's data planes request, and SPIRE's name. */
export const mergedSecretNames = ['system_trust_bundle', 'ALL'] as const;

/** The secret of the trust domain given by `--root-trust-domain`: the name that SPIRE and Istio use. */
export const rootSecretName = 'ROOTCA';

const scheme = 'spiffe://';

/** Returns the name of the secret with only this trust domain: `spiffe://<trust domain>`. */
export function trustDomainSecretName(trustDomain: TrustDomain): string {
  return `${scheme}${trustDomain}`;
}

/** Returns whether a name is the secret of one trust domain. Every valid trust domain has one, listed or not. */
export function isTrustDomainSecretName(name: string): boolean {
  return name.startsWith(scheme) && parseTrustDomain(name.slice(scheme.length)).kind === 'trust-domain';
}

import { parseTrustDomain } from '../model/trust-domain.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';

/** All trust domains of the proxy's mesh: the name that Kuma's data planes ask for, and SPIRE's. */
export const mergedSecretNames = ['system_trust_bundle', 'ALL'] as const;

/** The one trust domain that `--root-trust-domain` names: the name SPIRE and Istio use. */
export const rootSecretName = 'ROOTCA';

const scheme = 'spiffe://';

/** `spiffe://<trust domain>`: that trust domain alone. */
export function trustDomainSecretName(trustDomain: TrustDomain): string {
  return `${scheme}${trustDomain}`;
}

/** Whether a name asks for one trust domain. Any valid one is a known name, listed or not. */
export function isTrustDomainSecretName(name: string): boolean {
  return name.startsWith(scheme) && parseTrustDomain(name.slice(scheme.length)).kind === 'trust-domain';
}

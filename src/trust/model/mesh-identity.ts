import type { Finding, Place } from '../findings/finding.ts';
import type { Identity, TrustBlock } from './mesh-trust.ts';

/**
 * The parts of a MeshIdentity that decide which CA certificates its mesh trusts. Private keys and the configuration of
 * extensions are never part of it.
 */
export interface MeshIdentity {
  /** The identity that a MeshTrust of the same name has: `mesh/namespace/name`. */
  readonly identity: Identity;
  readonly mesh: string;
  /** Empty in the Universal form, and in the Kubernetes form without a namespace. */
  readonly namespace: string;
  readonly name: string;
  /** The name that the author gave it: resources that Kuma copied from another zone have a longer one. */
  readonly displayName: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The template of the trust domain, not rendered yet. */
  readonly trustDomainTemplate: string;
  /** The trust domain that Kuma fixed for this resource (`status.trustDomain`), if it is known. */
  readonly pinnedTrustDomain: string | undefined;
  readonly provider: IdentityProvider;
  /** Why Kuma cannot use the provider, if it says so: the reason of the condition `Provider`. */
  readonly providerFailure: string | undefined;
  /** The lifetime of leaves that the provider issues, in milliseconds. */
  readonly leafLifetimeMs: number;
  readonly place: Place;
  /** Findings that do not affect the validity of the resource. */
  readonly remarks: readonly Finding[];
}

/** Where the CA of a MeshIdentity comes from. */
export type IdentityProvider =
  /** Gives no trust by itself; `reason` is for people. */
  | { readonly kind: 'none'; readonly reason: string }
  /** Kuma's control plane makes the CA. */
  | { readonly kind: 'autogenerate'; readonly allowsSelfSigned: boolean }
  | {
      readonly kind: 'ca';
      readonly allowsSelfSigned: boolean;
      readonly source: CaSource;
      /** The place of the certificate, for findings. */
      readonly place: Place;
    };

/** Where the certificate of a CA is. */
export type CaSource =
  | { readonly kind: 'inline'; readonly blocks: readonly TrustBlock[] }
  | { readonly kind: 'secret'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  /** An environment variable of Kuma's control plane. */
  | { readonly kind: 'variable' }
  /** The certificate is in the same Secret or file as the private key, so it is not read. */
  | { readonly kind: 'beside-key' };

/** Kuma's default lifetime of a leaf since version 3.0, the longest of all versions: five days. */
export const defaultLeafLifetimeMs = 120 * 3_600_000;

/** The default template of a trust domain. */
export const defaultTrustDomainTemplate = '{{ .Mesh }}.{{ .Zone }}.mesh.local';

/** A Secret of Kuma (`type: Secret`, or a Kubernetes Secret of the type `system.kuma.io/secret`) with certificates. */
export interface CaSecret {
  readonly mesh: string;
  /** Empty in the Universal form, and in the Kubernetes form without a namespace. */
  readonly namespace: string;
  readonly name: string;
  readonly blocks: readonly TrustBlock[];
}

/** The result of parsing a MeshIdentity. */
export type ParsedIdentity =
  | { readonly kind: 'mesh-identity'; readonly resource: MeshIdentity }
  /** It cannot be used; `identity` if it is legible. */
  | {
      readonly kind: 'invalid';
      readonly identity: Identity | undefined;
      readonly findings: readonly Finding[];
    };

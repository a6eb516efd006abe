import type { MeshTrust } from '../model/mesh-trust.ts';

/** The inputs of the decision about an imported MeshTrust, besides the MeshTrust itself. */
export interface ImportContext {
  /** The zone of this server. */
  readonly zone: string;
  /** Whether a zone may vouch for a trust domain. */
  readonly isAllowed: (mesh: string, zone: string, trustDomain: string) => boolean;
  /** Whether the MeshIdentities of this server give the trust domain. */
  readonly isOwn: (mesh: string, trustDomain: string) => boolean;
}

export type ImportDecision =
  /** `zone` published it, or the Global control plane if it is `undefined`. */
  | { readonly kind: 'accepted'; readonly zone: string | undefined }
  /** Its trust comes from this zone. */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Decides whether a MeshTrust of the Global control plane is trusted here. A zone may vouch only for its own trust
 * domains: otherwise each zone could issue certificates for the clients of all others.
 *
 * Kuma's Global control plane sets the labels `kuma.io/origin` and `kuma.io/zone` of what a zone sends, by the identity
 * of the zone's connection.
 */
export function decideImport(
  { mesh, trustDomain, provenance = {} }: MeshTrust,
  { zone: own, isAllowed, isOwn }: ImportContext,
): ImportDecision {
  const { origin, zone } = provenance;
  const isOfGlobal = origin === 'global' || (origin === undefined && zone === undefined);
  // The operator of the mesh may list any trust domain.
  if (isOfGlobal) return { kind: 'accepted', zone: undefined };
  if (origin !== undefined && origin !== 'zone')
    return { kind: 'refused', reason: 'its label kuma.io/origin is neither global nor zone' };
  if (zone === undefined || zone === '')
    return { kind: 'refused', reason: 'it is of a zone, but has no label kuma.io/zone' };
  if (zone === own) return { kind: 'ignored' };
  if (!isAllowed(mesh, zone, trustDomain))
    return {
      kind: 'refused',
      reason: `zone ${zone} may not vouch for trust domain ${trustDomain}: no MeshIdentity of the Global control plane gives it this trust domain`,
    };
  // A trust domain that this zone has by itself, and not because all zones share it, is not taken from another one.
  if (isOwn(mesh, trustDomain) && !isAllowed(mesh, own, trustDomain)) return { kind: 'ignored' };
  return { kind: 'accepted', zone };
}

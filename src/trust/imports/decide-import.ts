import type { LocalTrustDomains } from '../identity/local-trust-domains.ts';
import type { MeshTrust } from '../model/mesh-trust.ts';

/** The inputs of the decision about an imported MeshTrust, besides the MeshTrust itself. */
export interface ImportContext {
  /** The zone of this server. */
  readonly zone: string;
  /** Whether MeshIdentities of the Global control plane give a trust domain to a zone. */
  readonly isGiven: (mesh: string, zone: string, trustDomain: string) => boolean;
  /** Whether the operator of this server allows a trust domain to a zone. */
  readonly isGranted: (zone: string, trustDomain: string) => boolean;
  /** Whether a MeshIdentity of the Global control plane gives the same trust domain to every zone. */
  readonly isShared: (mesh: string, trustDomain: string) => boolean;
  /** The trust domains that the MeshIdentities of this server give. */
  readonly own: LocalTrustDomains;
}

/** A trust domain, and the zone that vouches for it: the Global control plane itself if it is `undefined`. */
export type Voucher = Pick<MeshTrust, 'mesh' | 'trustDomain'> & { readonly zone: string | undefined };

export type ImportDecision =
  /** `zone` published it, or the Global control plane if it is `undefined`. */
  | { readonly kind: 'accepted'; readonly zone: string | undefined }
  /** Its trust comes from this zone. `reason`: what to report if its CA certificates are not served anyway. */
  | { readonly kind: 'ignored'; readonly reason: string | undefined }
  | { readonly kind: 'refused'; readonly reason: string }
  /** Whether its trust comes from this zone is not known yet. */
  | { readonly kind: 'undecided'; readonly zone: string | undefined; readonly reason: string };

/**
 * Decides whether a MeshTrust of the Global control plane is trusted here. A zone may vouch only for its own trust
 * domains: otherwise each zone could issue certificates for the clients of all others.
 *
 * Kuma's Global control plane sets the labels `kuma.io/origin` and `kuma.io/zone` of what a zone sends, by the identity
 * of the zone's connection.
 */
export function decideImport(
  { mesh, trustDomain, provenance = {} }: Pick<MeshTrust, 'mesh' | 'trustDomain' | 'provenance'>,
  context: ImportContext,
): ImportDecision {
  const { origin, zone } = provenance;
  const isOfGlobal = origin === 'global' || (origin === undefined && zone === undefined);
  if (isOfGlobal) return decideVoucher({ mesh, trustDomain, zone: undefined }, context);
  if (origin !== undefined && origin !== 'zone')
    return { kind: 'refused', reason: 'its label kuma.io/origin is neither global nor zone' };
  if (zone === undefined || zone === '')
    return { kind: 'refused', reason: 'it is of a zone, but has no label kuma.io/zone' };
  return decideVoucher({ mesh, trustDomain, zone }, context);
}

/** Decides about a trust domain by who vouches for it. */
export function decideVoucher(voucher: Voucher, context: ImportContext): ImportDecision {
  return voucher.zone === undefined
    ? decideGlobal(voucher, context)
    : decideZone(voucher.zone, voucher, context);
}

/** The operator of the mesh may list any trust domain but those of which the trust comes from this zone alone. */
function decideGlobal({ mesh, trustDomain }: Voucher, context: ImportContext): ImportDecision {
  const { zone: own, isGranted, isShared } = context;
  const accepted: ImportDecision = { kind: 'accepted', zone: undefined };
  if (isShared(mesh, trustDomain) || isGranted(own, trustDomain)) return accepted;
  if (isOwn(context.own, mesh, trustDomain))
    return {
      kind: 'ignored',
      reason: `the MeshIdentities of this server give trust domain ${trustDomain}, so its trust comes from here; to use the MeshTrust as well, allow it with --import-trust-domain ${own}=${trustDomain}`,
    };
  return context.own.unread === 'all' ? undecided(undefined, trustDomain) : accepted;
}

function decideZone(zone: string, { mesh, trustDomain }: Voucher, context: ImportContext): ImportDecision {
  const { zone: own, isGiven, isGranted } = context;
  if (zone === own) return { kind: 'ignored', reason: undefined };
  const givenToZone = isGiven(mesh, zone, trustDomain);
  if (!givenToZone && !isGranted(zone, trustDomain))
    return {
      kind: 'refused',
      reason: `zone ${zone} may not vouch for trust domain ${trustDomain}: no MeshIdentity of the Global control plane gives it this trust domain`,
    };
  const accepted: ImportDecision = { kind: 'accepted', zone };
  if (isGiven(mesh, own, trustDomain) || isGranted(own, trustDomain)) return accepted;
  // A trust domain that this zone has by itself, and not because all zones share it, is not taken from another one.
  if (isOwn(context.own, mesh, trustDomain)) return { kind: 'ignored', reason: undefined };
  // The Global control plane says of what it gives to a zone that it is not of this one. A grant does not say it.
  return givenToZone || context.own.unread === 'none' ? accepted : undecided(zone, trustDomain);
}

function isOwn({ names }: LocalTrustDomains, mesh: string, trustDomain: string): boolean {
  return names.has(`${mesh}/${trustDomain}`);
}

function undecided(zone: string | undefined, trustDomain: string): ImportDecision {
  const reason = `whether the MeshIdentities of this server give trust domain ${trustDomain} is not known before all of them can be read; it waits for them`;
  return { kind: 'undecided', zone, reason };
}

import type { Identity, TrustDomain } from '../model/mesh-trust.ts';

const derivedPrefix = 'meshidentity:';
const supersededPrefix = 'superseded:';

/**
 * Returns the identity of a MeshTrust that is derived from a MeshIdentity: `meshidentity:mesh/namespace/name`, with
 * `@zone` if it is derived for several zones. It differs from the identity of a MeshTrust of the same name, which may
 * be listed beside it.
 */
export function derivedIdentityOf(identity: Identity, zone?: string): Identity {
  return `${derivedPrefix}${identity}${zone === undefined ? '' : `@${zone}`}` as Identity;
}

/** Returns the identity of the MeshIdentity behind a derived MeshTrust; `undefined` for any other resource. */
export function meshIdentityOf(derived: Identity): Identity | undefined {
  return derived.startsWith(derivedPrefix)
    ? (derived.slice(derivedPrefix.length).split('@')[0] as Identity)
    : undefined;
}

/** Returns the identity of the MeshIdentity from which a resource follows; `undefined` for any other resource. */
export function originOf(identity: string): Identity | undefined {
  return meshIdentityOf(identity as Identity) ?? meshIdentityOfSuperseded(identity as Identity);
}

/** Returns the identity of the CA certificates that a MeshIdentity no longer has, by trust domain and end. */
export function supersededIdentityOf(
  identity: Identity,
  trustDomain: TrustDomain,
  until: number | undefined,
): Identity {
  const end = until === undefined ? '' : `@${new Date(until).toISOString()}`;
  return `${supersededPrefix}${identity}@${trustDomain}${end}` as Identity;
}

/** Returns the identity of the MeshIdentity whose superseded CA certificates these are. */
export function meshIdentityOfSuperseded(superseded: Identity): Identity | undefined {
  return superseded.startsWith(supersededPrefix)
    ? (superseded.slice(supersededPrefix.length).split('@')[0] as Identity)
    : undefined;
}

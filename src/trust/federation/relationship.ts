import type { BundleDocument } from '../model/bundle-document.ts';
import type { EndpointProfile } from '../model/federated-trust-domain.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import type { Place } from '../findings/finding.ts';
import { federationSource } from '../ledger/path-origin.ts';
import { digestOf } from './accept-document.ts';

/** One mesh that trusts another trust domain, whose bundle comes from an endpoint. */
export interface Relationship {
  /** `mesh/trust domain`, unique. */
  readonly key: string;
  readonly mesh: string;
  readonly trustDomain: TrustDomain;
  /** The name of the ClusterFederatedTrustDomain. */
  readonly name: string;
  readonly url: string;
  readonly profile: EndpointProfile;
  readonly bootstrap: BundleDocument | undefined;
  readonly place: Place;
  /** The other ClusterFederatedTrustDomains of the same mesh and trust domain, which are not used, by `resourceOf`. */
  readonly others?: readonly string[] | undefined;
}

export { federationSource };

/** Returns a text for the resource of a relationship. Two files may have resources of one name. */
export function resourceOf({ name, place }: Pick<Relationship, 'name' | 'place'>): string {
  return `${name} in ${place.file ?? ''}`;
}

/** Returns the key of a relationship. Neither name has a slash. */
export function relationshipKey(mesh: string, trustDomain: TrustDomain): string {
  return `${mesh}/${trustDomain}`;
}

/** Returns the names in the key of a relationship. */
export function namesOfKey(key: string): Pick<Relationship, 'mesh' | 'trustDomain'> {
  const slash = key.indexOf('/');
  return { mesh: key.slice(0, slash), trustDomain: key.slice(slash + 1) as TrustDomain };
}

/** Returns the path that stands for the bundle of a relationship in events and findings. */
export function federationPath(key: string): string {
  return `${federationSource}:${key}`;
}

/** Returns the key of the relationship whose bundle a path stands for. */
export function keyOfFederationPath(path: string): string {
  return path.slice(federationSource.length + 1);
}

/** Returns whether both are of one parsed resource, so that nothing has to be compared or encoded. */
export function isSameResource(a: Relationship, b: Relationship): boolean {
  return a.profile === b.profile && a.bootstrap === b.bootstrap && a.url === b.url && a.name === b.name;
}

/** Returns whether two relationships have the same endpoint, authenticated in the same way. */
export function isSameEndpoint(a: Relationship, b: Relationship): boolean {
  const digest = ({ bootstrap }: Relationship): string =>
    bootstrap === undefined ? '' : digestOf(bootstrap);
  return (
    a.url === b.url &&
    JSON.stringify(a.profile) === JSON.stringify(b.profile) &&
    (a.bootstrap === b.bootstrap || digest(a) === digest(b))
  );
}

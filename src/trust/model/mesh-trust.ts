import type { Certificate } from '../x509/certificate.ts';
import type { BlockRefusalCode } from '../findings/catalogue.ts';
import type { Place } from '../findings/finding.ts';
import type { ForcedStep } from './forced-steps.ts';
import type { RotationMarks } from './read-rotation.ts';

declare const brand: unique symbol;

/** A SPIFFE trust domain name: at most 253 characters of `a-z 0-9 . - _`. Only `parseTrustDomain` makes it. */
export type TrustDomain = string & { readonly [brand]: 'TrustDomain' };

/** The identity of a MeshTrust: `mesh/namespace/name`. */
export type Identity = string & { readonly [brand]: 'Identity' };

/** One PEM block of a MeshTrust: an anchor that Envoy accepts, or a refused block with the reason. */
export type TrustBlock = TrustAnchor | RefusedBlock;

/** A PEM block with a usable CA certificate. */
export interface TrustAnchor {
  readonly kind: 'anchor';
  readonly certificate: Certificate;
  readonly place: Place;
}

/** A PEM block that is not served. */
interface RefusedBlock {
  readonly kind: 'refused';
  readonly code: BlockRefusalCode;
  readonly reason: string;
  /** True if the block is damaged (it may have been a good certificate), false if its content is not allowed. */
  readonly malformed: boolean;
  readonly place: Place;
}

/**
 * A valid MeshTrust. At least one of its blocks is an anchor, or all of them are commented out. Later stages do not
 * validate it again.
 */
export interface MeshTrust {
  readonly identity: Identity;
  readonly mesh: string;
  /** Empty in the Universal form, and in the Kubernetes form without a namespace. */
  readonly namespace: string;
  readonly name: string;
  readonly trustDomain: TrustDomain;
  /** Provenance (`spec.origin.kri` or `status.origin.kri`); has no effect on the served trust. */
  readonly originKri: string | undefined;
  readonly place: Place;
  readonly blocks: readonly TrustBlock[];
  /** Where Kuma says that the resource was made; absent without such labels. */
  readonly provenance?: Provenance | undefined;
  /** Set if the resource follows from a MeshIdentity. */
  readonly derivation?: Derived | Superseded | undefined;
  /** The annotations of a rotation, parsed. They have no effect on the served trust. */
  readonly rotation?: RotationMarks | undefined;
  /** The commands of its rotation, or of the last one, that passed gates by force. */
  readonly forcedSteps?: readonly ForcedStep[] | undefined;
}

/** Where a resource was made, by the labels that Kuma's control planes set. */
interface Provenance {
  /** The label `kuma.io/origin`: `global` or `zone`; empty if its value is not a text. */
  readonly origin?: string | undefined;
  /** The label `kuma.io/zone`. */
  readonly zone?: string | undefined;
}

/** A MeshTrust that follows from a MeshIdentity. */
interface Derived {
  readonly kind: 'derived';
  /** The lifetime of the leaves that its CA issues, in milliseconds. */
  readonly leafLifetimeMs: number;
}

/** CA certificates that a MeshIdentity had, and that leaves which they issued still need. */
interface Superseded {
  readonly kind: 'superseded';
  /** When the trust in them ends, in epoch milliseconds; `undefined` if it does not end by itself. */
  readonly until: number | undefined;
  /** If it does not end by itself: from when no leaf of them can be valid. Earlier versions did not keep it. */
  readonly leavesUntil?: number | undefined;
}

/** Returns the identity of a resource from its parts. */
export function identityOf(mesh: string, namespace: string, name: string): Identity {
  return `${mesh}/${namespace}/${name}` as Identity;
}

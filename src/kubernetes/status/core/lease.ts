import { resourceVersionOf } from '../../client/api-object.ts';
import { asMapping } from '../../../text/json.ts';

/** The fields of a Lease that concern its holder (coordination.k8s.io/v1). */
export interface Lease {
  /** Identity of the holder; empty if no replica holds the lease. */
  readonly holder: string;
  readonly transitions: number;
  /** As the holder wrote them. They are only compared for equality, because the holder's clock may differ. */
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly resourceVersion: string;
}

/** The spec of a Lease, as meshtrust writes it. */
export interface LeaseSpec {
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly leaseTransitions: number;
}

/**
 * Parses a Lease of the API server. Returns `undefined` if the object has no resource version. Absent fields get empty
 * values: a Lease that no replica has held yet has no spec.
 */
export function readLease(object: unknown): Lease | undefined {
  const resourceVersion = resourceVersionOf(object);
  if (resourceVersion === undefined) return undefined;
  const spec = asMapping(asMapping(object)?.['spec']) ?? {};
  const transitions = spec['leaseTransitions'];
  return {
    holder: text(spec['holderIdentity']),
    transitions: typeof transitions === 'number' ? transitions : 0,
    acquireTime: text(spec['acquireTime']),
    renewTime: text(spec['renewTime']),
    resourceVersion,
  };
}

/** Formats epoch milliseconds as Kubernetes' MicroTime. */
export function microTime(wall: number): string {
  return new Date(wall).toISOString().replace('Z', '000Z');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

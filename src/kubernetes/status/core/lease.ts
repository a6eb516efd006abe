import { asMapping, resourceVersionOf } from '../../client/api-object.ts';

/** What a Lease says about who holds it (coordination.k8s.io/v1). */
export interface Lease {
  /** Empty: nobody. */
  readonly holder: string;
  readonly transitions: number;
  /** As the holder wrote them; they are compared and never read as times, since its clock is not ours. */
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly resourceVersion: string;
}

/** What is written of a Lease. */
export interface LeaseSpec {
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly leaseTransitions: number;
}

/** A Lease as the API server gave it; undefined if it is none. A new one that nobody held says nothing yet. */
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

/** Epoch milliseconds as the API server's MicroTime. */
export function microTime(wall: number): string {
  return new Date(wall).toISOString().replace('Z', '000Z');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

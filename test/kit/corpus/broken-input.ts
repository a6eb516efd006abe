import { meshTrustYaml } from '../mesh-trust-text.ts';

/** A resource before it is broken. */
export interface Healthy {
  readonly name: string;
  readonly trustDomain: string;
  /** PEM of its only CA. */
  readonly pem: string;
}

/** One way in which the file of a MeshTrust can be broken. */
export interface BrokenInput {
  readonly name: string;
  /** The text or bytes of the file. Its author still meant to trust the CA of the healthy resource. */
  readonly file: (healthy: Healthy) => string | Uint8Array;
  /**
   * Whether the CA is served although the file was never valid: `kept` if only another block of the resource is broken,
   * `lost` if no part of the resource can be relied on.
   */
  readonly ca: 'kept' | 'lost';
}

/** Returns the file of the resource with these PEM texts, one per CA bundle. */
export function fileWith({ name, trustDomain }: Healthy, ...pems: readonly string[]): string {
  return meshTrustYaml({ name, trustDomain, pems });
}

/** Returns an input with a broken block after the good one, in one text. */
export function after(name: string, broken: string): BrokenInput {
  return { name, ca: 'kept', file: (healthy) => fileWith(healthy, healthy.pem + broken) };
}

/** Returns an input with a broken block before the good one, in one text. */
export function before(name: string, broken: string): BrokenInput {
  return {
    name: `${name}, before a good one`,
    ca: 'kept',
    file: (healthy) => fileWith(healthy, broken + healthy.pem),
  };
}

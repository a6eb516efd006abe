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
  /** The file's text or bytes; whoever wrote it still meant to trust the healthy resource's CA. */
  readonly file: (healthy: Healthy) => string | Uint8Array;
  /**
   * Whether the CA is served although the file never was whole: `kept` where only another block of the
   * resource is broken, `lost` where nothing of the resource can be relied on.
   */
  readonly ca: 'kept' | 'lost';
}

/** The file of the resource with these PEM texts, one a bundle. */
export function fileWith({ name, trustDomain }: Healthy, ...pems: readonly string[]): string {
  return meshTrustYaml({ name, trustDomain, pems });
}

/** A broken block behind the good one, in one text. */
export function behind(name: string, broken: string): BrokenInput {
  return { name, ca: 'kept', file: (healthy) => fileWith(healthy, healthy.pem + broken) };
}

/** A broken block before the good one, in one text. */
export function before(name: string, broken: string): BrokenInput {
  return {
    name: `${name}, before a good one`,
    ca: 'kept',
    file: (healthy) => fileWith(healthy, broken + healthy.pem),
  };
}

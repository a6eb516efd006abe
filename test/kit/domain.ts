import { makeCa, makeLeaf } from './certificates.ts';
import type { Certificate, LeafOptions } from './certificates.ts';
import { meshTrustYaml } from './mesh-trust-text.ts';

/** A trust domain of a test: its CA, its clients, and the resources that list it. */
export interface Domain {
  readonly name: string;
  readonly ca: Certificate;
  /** A client of the trust domain. */
  readonly client: Certificate;
  /** Issues a certificate of another client. */
  readonly leaf: (options?: LeafOptions) => Certificate;
  /** Returns the text of a file with a MeshTrust that lists the CA, or these PEM texts instead. */
  readonly yaml: (pems?: readonly string[]) => string;
}

/** Creates a trust domain, by default with a new CA. */
export function makeDomain(name: string, ca: Certificate = makeCa({ commonName: `CA of ${name}` })): Domain {
  const leaf: Domain['leaf'] = (options) => makeLeaf(ca, { spiffeId: `spiffe://${name}/client`, ...options });
  return {
    name,
    ca,
    client: leaf(),
    leaf,
    yaml: (pems = [ca.certPem]) => meshTrustYaml({ name: `trust-${name}`, trustDomain: name, pems }),
  };
}

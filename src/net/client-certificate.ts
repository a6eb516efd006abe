import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/** The certificate that a TLS client sent. */
export interface ClientCertificate {
  readonly certificate: X509Certificate;
  /** The certificates above it that the client sent or TLS found, as DER. */
  readonly chain: readonly Uint8Array[];
}

/**
 * The longest chain that is read again for each request. Node.js copies all certificates of a chain: 200 of them take
 * 17 ms. A connection with a longer chain keeps it, and TLS keeps several times as much memory of it.
 */
const shortChain = 8;
const longChains = new WeakMap<TLSSocket, ClientCertificate>();

/** Returns the certificate of a client, of whichever CA; `undefined` if it sent none. */
export function clientCertificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const known = longChains.get(socket);
  if (known !== undefined) return known;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const chain: Uint8Array[] = [];
  for (let next = certificate.issuerCertificate; next !== undefined; next = next.issuerCertificate)
    chain.push(next.raw);
  if (chain.length <= shortChain) return { certificate, chain };
  // The object that was read refers to objects of the whole chain.
  const found = { certificate: new X509Certificate(certificate.raw), chain };
  longChains.set(socket, found);
  return found;
}

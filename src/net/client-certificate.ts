import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/** The certificate that a TLS client sent. */
export interface ClientCertificate {
  readonly certificate: X509Certificate;
  /** The certificates above it that the client sent or TLS found, as DER. */
  readonly chain: readonly Uint8Array[];
}

/** Returns the certificate of a client, of whichever CA; `undefined` if it sent none. */
export function clientCertificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const chain: Uint8Array[] = [];
  for (let next = certificate.issuerCertificate; next !== undefined; next = next.issuerCertificate)
    chain.push(next.raw);
  return { certificate, chain };
}

import type { PeerCertificate } from './stream-link.ts';

/**
 * Returns the verified identity of a client, for `StreamInfo.origin`. It excludes the fingerprint of the
 * certificate: a proxy gets a new certificate every few hours, and stays the same proxy.
 */
export function originOf(certificate: PeerCertificate | undefined, address: string): string {
  if (certificate === undefined) return hostOf(address);
  const { subject, subjectaltname } = certificate;
  return JSON.stringify({ subject, subjectaltname });
}

/** Removes the port from an address: a client reconnects from another port. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '');
}

import type { PeerCertificate } from './stream-link.ts';

/**
 * Returns what the server itself knows of a client, for `StreamInfo.origin`. Not the fingerprint of its
 * certificate: a proxy gets a new certificate every few hours, and stays the same proxy.
 */
export function originOf(certificate: PeerCertificate | undefined, address: string): string {
  if (certificate === undefined) return hostOf(address);
  const { subject, subjectaltname } = certificate;
  return JSON.stringify({ subject, subjectaltname });
}

/** An address without its port: a client that connects again does so from another. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '');
}

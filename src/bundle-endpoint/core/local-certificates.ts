import { federationPath } from '../../trust/federation/relationship.ts';
import type { Share } from '../../trust/ledger/share.ts';

/**
 * Returns the fingerprints of the CA certificates that this server's own sources list. What a peer published is left
 * out: publishing it again would vouch for the CAs of others.
 */
export function localCertificates(shares: readonly Share[]): ReadonlySet<string> {
  const listed = shares.flatMap(({ anchors }) => anchors).filter(({ place }) => !isFederated(place.file));
  return new Set(listed.map(({ certificate }) => certificate.fingerprint));
}

function isFederated(file: string | undefined): boolean {
  return file?.startsWith(federationPath('')) === true;
}

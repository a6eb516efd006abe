import { federationPath } from '../../trust/federation/relationship.ts';
import { isImportedPath } from '../../trust/ledger/import-sources.ts';
import type { Share } from '../../trust/ledger/share.ts';

/**
 * Returns the fingerprints of the CA certificates that may be published. What a peer published is left out: publishing it
 * again would vouch for the CAs of others. What other zones published is left out unless `imported` is true.
 */
export function publishableCertificates(
  shares: readonly Share[],
  { imported }: { readonly imported: boolean },
): ReadonlySet<string> {
  const listed = shares
    .flatMap(({ anchors }) => anchors)
    .filter(({ place: { file = '' } }) => !isFederated(file) && (imported || !isImportedPath(file)));
  return new Set(listed.map(({ certificate }) => certificate.fingerprint));
}

function isFederated(file: string): boolean {
  return file.startsWith(federationPath(''));
}

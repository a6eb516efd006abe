import { meshIdentityOf } from '../trust/identity/derived-identity.ts';
import type { Entry } from '../trust/ledger/entry.ts';
import type { LedgerEvent } from '../trust/ledger/ledger.ts';
import type { TrustDomain } from '../trust/model/mesh-trust.ts';
import type { ParsedFile } from '../trust/model/parse-file.ts';

type Documents = Extract<ParsedFile, { readonly kind: 'documents' }>;

/**
 * Returns whether parsed events of a source may take away what their paths gave before: a CA certificate, or a document
 * on which trust depends. A version that is not settled or is refused takes nothing away. `queued` are the events
 * before them that are not in the ledger yet, and `entryOf` returns what the ledger has of a path.
 */
export function mayWithdraw(
  events: readonly LedgerEvent[],
  queued: readonly LedgerEvent[],
  entryOf: (path: string) => Entry | undefined,
): boolean {
  const earlier = Map.groupBy(queued.flatMap(versionOf), ({ path }) => path);
  return events.flatMap(versionOf).some(({ path, settled, documents }) => {
    if (!settled) return false;
    const entry = entryOf(path);
    const before = earlier.get(path) ?? [];
    if (entry === undefined && before.length === 0) return false;
    const left = new Set(partsOf(documents));
    return [
      ...(entry === undefined ? [] : partsOfEntry(entry)),
      ...before.flatMap((version) => partsOf(version.documents)),
    ].some((part) => !left.has(part));
  });
}

interface Version {
  readonly path: string;
  readonly settled: boolean;
  readonly documents: Documents;
}

function versionOf(event: LedgerEvent): readonly Version[] {
  if (event.kind !== 'version' || event.parsed.kind === 'refused') return [];
  const { path, settled, parsed } = event;
  return [{ path, settled, documents: parsed }];
}

function partsOf({ documents, identities, others }: Documents): readonly string[] {
  return [
    ...documents.flatMap((document) =>
      document.kind === 'mesh-trust'
        ? document.resource.blocks.flatMap((block) =>
            block.kind === 'anchor' ? caPart(document.resource, block.certificate.fingerprint) : [],
          )
        : [],
    ),
    ...identities.flatMap((item) => {
      const identity = item.kind === 'invalid' ? item.identity : item.resource.identity;
      return identity === undefined ? [] : identityPart(identity);
    }),
    ...others.map(otherPart),
  ];
}

function partsOfEntry({ grants, others }: Entry): readonly string[] {
  return [
    ...grants.flatMap(({ resource, shares }) => {
      const identity = meshIdentityOf(resource.identity);
      // The CA certificates of a MeshIdentity are not in its document.
      if (identity !== undefined) return identityPart(identity);
      return shares.flatMap((share) =>
        share.anchors.map(({ certificate }) => caPart(share, certificate.fingerprint)),
      );
    }),
    ...others.map(otherPart),
  ];
}

function caPart(
  { mesh, trustDomain }: { readonly mesh: string; readonly trustDomain: TrustDomain },
  fingerprint: string,
): string {
  return `ca ${mesh} ${trustDomain} ${fingerprint}`;
}

function identityPart(identity: string): string {
  return `identity ${identity}`;
}

function otherPart({ id }: Entry['others'][number]): string {
  return `other ${id}`;
}

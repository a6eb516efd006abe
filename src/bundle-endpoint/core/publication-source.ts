import type { TrustBundle } from '../../trust/bundle/trust-bundle.ts';
import { isNamed, isNamedInFull } from '../../trust/federation/publication-rule.ts';
import type { PublicationRule } from '../../trust/federation/publication-rule.ts';
import { originOfPath } from '../../trust/ledger/path-origin.ts';
import type { Holdings, Share } from '../../trust/ledger/share.ts';
import type { MeshStates } from '../../trust/snapshot/mesh-builder.ts';

/** The state of the server from which bundles are published. */
export interface ServedTrust {
  /** The shares in force. */
  readonly holdings: Holdings;
  readonly meshes: MeshStates;
  /** False while trust of other zones may be missing, because the Global control plane was not read yet. */
  readonly isImportKnown: boolean;
  /** False while trust of this server may be missing, because a source or a part of it was not read yet. */
  readonly isAllRead: boolean;
}

/** The inputs of a document. Equal inputs need no new document. */
export interface PublicationSource {
  readonly bundle: TrustBundle | undefined;
  readonly shares: readonly Share[];
  /** Whether certificates of other zones are published; the same for every source of a trust domain. */
  readonly imported: boolean;
  /** False if certificates may be missing that are published. */
  readonly isKnown: boolean;
}

/** The name of a trust domain, and the inputs of its document. */
type NamedSource = readonly [mesh: string, trustDomain: string, source: PublicationSource];

/**
 * Yields the sources of the trust domains that the rules name: of those that are served, then of those with a record
 * only.
 */
export function* namedSources(
  rules: readonly PublicationRule[],
  { meshes, holdings, isImportKnown }: ServedTrust,
  earlier: readonly { readonly mesh: string; readonly trustDomain: string }[],
): Generator<NamedSource> {
  const seen = new Set<string>();
  const meshNames = new Set(rules.map(({ mesh }) => mesh));
  for (const mesh of meshNames) {
    const shares = holdings.get(mesh);
    for (const bundle of meshes.get(mesh)?.bundle.bundles ?? []) {
      const { trustDomain } = bundle;
      if (!isNamed(rules, mesh, trustDomain)) continue;
      seen.add(`${mesh}\0${trustDomain}`);
      const imported = isNamedInFull(rules, mesh, trustDomain);
      const isKnown = isImportKnown || !imported;
      yield [mesh, trustDomain, { bundle, shares: shares?.get(trustDomain) ?? [], imported, isKnown }];
    }
  }
  for (const { mesh, trustDomain } of earlier)
    if (!seen.has(`${mesh}\0${trustDomain}`) && isNamed(rules, mesh, trustDomain))
      yield [mesh, trustDomain, gone];
}

/** The inputs of a trust domain that is no longer listed. */
const gone: PublicationSource = { bundle: undefined, shares: [], imported: false, isKnown: true };

/** Returns whether two sources give the same document. */
export function isSameSource(a: PublicationSource, b: PublicationSource): boolean {
  return (
    a.bundle === b.bundle &&
    a.isKnown === b.isKnown &&
    a.shares.length === b.shares.length &&
    a.shares.every((share, index) => share === b.shares[index])
  );
}

/** Returns the certificates (DER) of a trust domain that may be published, in the order of the bundle. */
export function publishableIn({
  bundle,
  shares,
  imported,
}: Pick<PublicationSource, 'bundle' | 'shares' | 'imported'>): readonly Uint8Array[] {
  const publishable = publishableCertificates(shares, { imported });
  const anchors = (bundle?.anchors ?? []).filter(({ certificate }) =>
    publishable.has(certificate.fingerprint),
  );
  return anchors.map(({ der }) => der);
}

/** Returns whether certificates are published that only an import lists. */
export function hasImported(source: PublicationSource): boolean {
  return (
    source.imported && publishableIn(source).length > publishableIn({ ...source, imported: false }).length
  );
}

/**
 * Returns the fingerprints of the CA certificates that may be published. Those from a peer are left out: publishing
 * them again would vouch for the CAs of others. Those from other zones are left out unless `imported` is true.
 */
function publishableCertificates(
  shares: readonly Share[],
  { imported }: { readonly imported: boolean },
): ReadonlySet<string> {
  const listed = shares
    .flatMap(({ anchors }) => anchors)
    .filter(({ place: { file = '' } }) => {
      const origin = originOfPath(file);
      return origin === 'local' || (imported && origin === 'imported');
    });
  return new Set(listed.map(({ certificate }) => certificate.fingerprint));
}

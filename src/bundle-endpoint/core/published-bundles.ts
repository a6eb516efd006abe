import { hash } from 'node:crypto';
import { spiffeKeyOf } from '../../trust/federation/write-bundle-document.ts';
import type { SpiffeBundle, SpiffeBundleMap } from '../../trust/federation/write-bundle-document.ts';
import { isNamed, isNamedInFull } from '../../trust/federation/publication-rule.ts';
import type { PublicationRule } from '../../trust/federation/publication-rule.ts';
import { compareText } from '../../text/compare-text.ts';
import type { TrustBundle } from '../../trust/bundle/trust-bundle.ts';
import type { Holdings, Share } from '../../trust/ledger/share.ts';
import type { MeshStates } from '../../trust/snapshot/mesh-builder.ts';
import type { SequenceRecord } from './sequence-record.ts';
import { federationPath } from '../../trust/federation/relationship.ts';
import { isImportedPath } from '../../trust/ledger/import-sources.ts';

/** One published bundle. An unchanged bundle keeps its object. */
export interface PublishedBundle extends SequenceRecord {
  /** The entity tag with its quotes: a hash of the content without the sequence, so equal on all replicas. */
  readonly etag: string;
  readonly document: SpiffeBundle;
  /** The document as JSON: bytes that all responses share. */
  readonly body: Uint8Array;
  /** When this process published this content first, in epoch milliseconds. */
  readonly publishedAt: number;
}

/** All published bundles of a mesh, as one document. */
export interface PublishedMap {
  readonly etag: string;
  readonly body: Uint8Array;
  readonly bundles: readonly PublishedBundle[];
}

/** The state of the server from which bundles are published. */
export interface ServedTrust {
  /** The shares in force. */
  readonly holdings: Holdings;
  readonly meshes: MeshStates;
}

export interface PublishedBundles {
  /** Publishes the state at a time, in epoch milliseconds. Returns the bundles that changed. */
  update(served: ServedTrust, now: number): readonly PublishedBundle[];
  /**
   * Publishes a part of the state: reads at most `maxKeys` keys that were not read before. The next step, with the same or
   * a newer state, continues.
   */
  step(served: ServedTrust, now: number, maxKeys: number): PublicationStep;
  get(mesh: string, trustDomain: string): PublishedBundle | undefined;
  /** Returns the bundle map of a mesh; `undefined` if nothing of it is published. */
  mapOf(mesh: string): PublishedMap | undefined;
  /** Returns all bundles, sorted by mesh and trust domain. */
  all(): readonly PublishedBundle[];
  /** Returns the records that must survive a restart. Some are of trust domains that are not published now. */
  records(): readonly SequenceRecord[];
}

/** The result of one step. */
interface PublicationStep {
  /** The bundles that changed. */
  readonly changed: readonly PublishedBundle[];
  /** True if the whole state is published. */
  readonly isComplete: boolean;
}

export interface PublicationOptions {
  readonly rules: readonly PublicationRule[];
  readonly refreshSeconds: number;
  /** The records of an earlier run. */
  readonly records?: readonly SequenceRecord[] | undefined;
}

/** The key of a CA certificate in a document. */
type SpiffeKey = SpiffeBundle['keys'][number];

/** The number of keys that one step may still read. Reading a key takes about a tenth of a millisecond. */
interface Budget {
  keys: number;
}

/** The inputs of a document. Equal inputs need no new document. */
interface Source {
  readonly bundle: TrustBundle | undefined;
  readonly shares: readonly Share[];
  /** Whether certificates of other zones are published; the same for every source of a trust domain. */
  readonly imported: boolean;
}

/**
 * Keeps the documents that the bundle endpoint publishes.
 *
 * A document without keys makes consumers refuse every certificate of the trust domain. After a restart, a CA certificate
 * can be absent because it could not be read. So a document without keys is published in these cases only:
 *
 * - This process has published the trust domain before. Its state loses a CA certificate only by a settled removal, by
 *   distrust, or past the mass-loss guard.
 * - An earlier process has published it, and every CA certificate that is listed now is distrusted.
 * - The last document that an earlier process published had no keys.
 */
export function createPublishedBundles({
  rules,
  refreshSeconds,
  records: earlier = [],
}: PublicationOptions): PublishedBundles {
  const records = new Map(earlier.map((record) => [keyOf(record.mesh, record.trustDomain), record]));
  const published = new Map<string, PublishedBundle>();
  const sources = new Map<string, Source>();
  let sorted: readonly PublishedBundle[] | undefined;
  let maps: ReadonlyMap<string, PublishedMap> | undefined;
  const all = (): readonly PublishedBundle[] =>
    (sorted ??= [...published].sort(([a], [b]) => compareText(a, b)).map(([, bundle]) => bundle));

  /** The keys of certificates that were read, by certificate. */
  const known = new WeakMap<Uint8Array, readonly SpiffeKey[]>();

  /** Returns the keys of a trust domain; `undefined` if that takes more keys than the budget has. */
  const keysOf = (source: Source, budget: Budget): readonly SpiffeKey[] | undefined => {
    const keys: SpiffeKey[] = [];
    for (const der of publishableIn(source)) {
      let read = known.get(der);
      if (read === undefined) {
        if (budget.keys <= 0) return undefined;
        budget.keys -= 1;
        const key = spiffeKeyOf(der);
        known.set(der, (read = key === undefined ? [] : [key]));
      }
      keys.push(...read);
    }
    return keys;
  };

  /** Returns the bundle of one trust domain if it changed, or `later` if the budget is used up. */
  const publish = (
    mesh: string,
    trustDomain: string,
    source: Source,
    now: number,
    budget: Budget,
  ): PublishedBundle | 'later' | undefined => {
    const key = keyOf(mesh, trustDomain);
    const before = sources.get(key);
    if (before !== undefined && isSame(before, source)) return undefined;
    const keys = keysOf(source, budget);
    if (keys === undefined) return 'later';
    sources.set(key, source);
    const record = records.get(key);
    const isEmpty = keys.length === 0;
    if (isEmpty && !published.has(key) && !mayBeEmpty(record, source)) return undefined;
    const contentHash = hash('sha256', JSON.stringify([keys, refreshSeconds])).slice(0, 32);
    const old = published.get(key);
    if (old?.hash === contentHash) return undefined;
    const sequence =
      record?.hash === contentHash ? record.sequence : Math.max(now, (record?.sequence ?? -1) + 1);
    const document: SpiffeBundle = { keys, spiffe_sequence: sequence, spiffe_refresh_hint: refreshSeconds };
    const facts = { mesh, trustDomain, sequence, hash: contentHash, isEmpty };
    const bundle: PublishedBundle = {
      ...facts,
      etag: `"${contentHash}"`,
      document,
      body: Buffer.from(`${JSON.stringify(document)}\n`),
      publishedAt: now,
    };
    published.set(key, bundle);
    records.set(key, facts);
    return bundle;
  };

  const step: PublishedBundles['step'] = (served, now, maxKeys) => {
    const changed: PublishedBundle[] = [];
    const budget = { keys: maxKeys };
    let isComplete = true;
    for (const [mesh, trustDomain, source] of namedSources(rules, served, [...records.values()])) {
      const bundle = publish(mesh, trustDomain, source, now, budget);
      if (bundle === 'later') isComplete = false;
      else if (bundle !== undefined) changed.push(bundle);
    }
    if (changed.length > 0) sorted = maps = undefined;
    return { changed, isComplete };
  };

  return {
    update: (served, now) => step(served, now, Infinity).changed,
    step,
    get: (mesh, trustDomain) => published.get(keyOf(mesh, trustDomain)),
    mapOf: (mesh) => (maps ??= mapsOf(all())).get(mesh),
    all,
    records: () => [...records.values()],
  };
}

/** Yields the sources of the trust domains that the rules name: of those that are served, then of those with a record only. */
function* namedSources(
  rules: readonly PublicationRule[],
  { meshes, holdings }: ServedTrust,
  earlier: readonly SequenceRecord[],
): Generator<readonly [mesh: string, trustDomain: string, source: Source]> {
  const seen = new Set<string>();
  const meshNames = new Set(rules.map(({ mesh }) => mesh));
  for (const mesh of meshNames) {
    const shares = holdings.get(mesh);
    for (const bundle of meshes.get(mesh)?.bundle.bundles ?? []) {
      const { trustDomain } = bundle;
      if (!isNamed(rules, mesh, trustDomain)) continue;
      seen.add(keyOf(mesh, trustDomain));
      const imported = isNamedInFull(rules, mesh, trustDomain);
      yield [mesh, trustDomain, { bundle, shares: shares?.get(trustDomain) ?? [], imported }];
    }
  }
  for (const { mesh, trustDomain } of earlier)
    if (!seen.has(keyOf(mesh, trustDomain)) && isNamed(rules, mesh, trustDomain))
      yield [mesh, trustDomain, gone];
}

/** The inputs of a trust domain that is no longer listed. */
const gone: Source = { bundle: undefined, shares: [], imported: false };

/** Returns whether a document without keys may be the first of this process. */
function mayBeEmpty(record: SequenceRecord | undefined, { bundle }: Source): boolean {
  if (record === undefined) return false;
  return record.isEmpty || (bundle?.anchors.length === 0 && bundle.distrusted.length > 0);
}

/** Returns the certificates (DER) of a trust domain that may be published, in the order of the bundle. */
function publishableIn({ bundle, shares, imported }: Source): readonly Uint8Array[] {
  const publishable = publishableCertificates(shares, { imported });
  const anchors = (bundle?.anchors ?? []).filter(({ certificate }) =>
    publishable.has(certificate.fingerprint),
  );
  return anchors.map(({ der }) => der);
}

/** Returns the bundle maps by mesh. Their bundles have no hint (The SPIFFE Trust Domain and Bundle, section 5). */
function mapsOf(published: readonly PublishedBundle[]): ReadonlyMap<string, PublishedMap> {
  const meshes = Map.groupBy(published, ({ mesh }) => mesh);
  return new Map([...meshes].map(([mesh, bundles]) => [mesh, mapOf(bundles)]));
}

function mapOf(bundles: readonly PublishedBundle[]): PublishedMap {
  const contents = bundles.map(({ trustDomain, hash: content }) => `${trustDomain} ${content}`);
  const documents = bundles.map(
    ({ trustDomain, document: { keys, spiffe_sequence } }) =>
      [trustDomain, { keys, spiffe_sequence }] as const,
  );
  const map: SpiffeBundleMap = { trust_domains: Object.fromEntries(documents) };
  return {
    etag: `"${hash('sha256', contents.join('\n')).slice(0, 32)}"`,
    body: Buffer.from(`${JSON.stringify(map)}\n`),
    bundles,
  };
}

function isSame(a: Source, b: Source): boolean {
  return (
    a.bundle === b.bundle &&
    a.shares.length === b.shares.length &&
    a.shares.every((share, index) => share === b.shares[index])
  );
}

function keyOf(mesh: string, trustDomain: string): string {
  return `${mesh}\0${trustDomain}`;
}

/**
 * Returns the fingerprints of the CA certificates that may be published. Those from a peer are left out: publishing them
 * again would vouch for the CAs of others. Those from other zones are left out unless `imported` is true.
 */
function publishableCertificates(
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

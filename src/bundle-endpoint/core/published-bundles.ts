import { hash } from 'node:crypto';
import { spiffeKeyOf } from '../../trust/federation/write-bundle-document.ts';
import type { SpiffeBundle, SpiffeBundleMap } from '../../trust/federation/write-bundle-document.ts';
import type { PublicationRule } from '../../trust/federation/publication-rule.ts';
import { compareText } from '../../text/compare-text.ts';
import { hasImported, isSameSource, namedSources, publishableIn } from './publication-source.ts';
import type { PublicationSource, ServedTrust } from './publication-source.ts';
import type { SequenceRecord } from './sequence-record.ts';

/** One published bundle. An unchanged bundle keeps its object. */
export interface PublishedBundle extends Omit<SequenceRecord, 'hasImported'> {
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

export interface PublishedBundles {
  /** Publishes the state at a time, in epoch milliseconds. Returns the bundles that changed. */
  update(served: ServedTrust, now: number): readonly PublishedBundle[];
  /**
   * Publishes a part of the state: reads at most `maxKeys` keys that were not read before. The next step, with the same
   * or a newer state, continues.
   */
  step(served: ServedTrust, now: number, maxKeys: number): PublicationStep;
  get(mesh: string, trustDomain: string): PublishedBundle | undefined;
  /** Returns the bundle map of a mesh; `undefined` if nothing of it is published. */
  mapOf(mesh: string): PublishedMap | undefined;
  /**
   * Returns whether a trust domain, or any one of the mesh, is not published because the Global control plane was not
   * read yet: what its zones add to it is not known.
   */
  awaitsImport(mesh: string, trustDomain?: string): boolean;
  /**
   * Returns whether a trust domain of the mesh is missing that an earlier process published with keys, while it is not
   * certain that it is gone. Without it, a bundle map would tell consumers to refuse its clients.
   */
  awaitsRead(mesh: string): boolean;
  /** Returns all bundles, sorted by mesh and trust domain. */
  all(): readonly PublishedBundle[];
  /**
   * Returns the trust domains whose served CA certificates are not published yet: a later step does, or the Global
   * control plane was not read yet. Their consumers cannot have them.
   */
  withheld(): readonly { readonly mesh: string; readonly trustDomain: string }[];
  /** Returns the records that must survive a restart. Some are of trust domains that are not published now. */
  records(): readonly SequenceRecord[];
}

/** The result of one step. */
interface PublicationStep {
  /** The bundles that changed. */
  readonly changed: readonly PublishedBundle[];
  /** Whether `records` returns others than before. */
  readonly hasNewRecords: boolean;
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

/**
 * Keeps the documents that the bundle endpoint publishes.
 *
 * A document without keys makes consumers refuse every certificate of the trust domain. After a restart, a CA
 * certificate can be absent because it could not be read. So a document without keys is published in these cases only:
 *
 * - This process has published the trust domain before. Its state loses a CA certificate only by a settled removal, by
 *   distrust, or past the mass-loss guard.
 * - An earlier process has published it, and every CA certificate that is listed now is distrusted.
 * - The last document that an earlier process published had no keys.
 *
 * For the same reason, a trust domain that is named in full, so that it is published with the certificates of other
 * zones, waits until these are known. It does not wait if an earlier process published it without any, or exactly as it
 * is now.
 */
export function createPublishedBundles({
  rules,
  refreshSeconds,
  records: earlier = [],
}: PublicationOptions): PublishedBundles {
  const records = new Map(earlier.map((record) => [keyOf(record.mesh, record.trustDomain), record]));
  const published = new Map<string, PublishedBundle>();
  const sources = new Map<string, PublicationSource>();
  const withheld = new Map<string, { readonly mesh: string; readonly trustDomain: string }>();
  /**
   * The trust domains with keys in the record of an earlier process, and none now. They are not published. Once all is
   * read, they are gone for certain: what cannot be read later does not bring them back.
   */
  const missing = new Map<string, { readonly mesh: string }>();
  let isImportKnown = true;
  let isAllRead = true;
  let hasNewRecords = false;
  let sorted: readonly PublishedBundle[] | undefined;
  let maps: ReadonlyMap<string, PublishedMap> | undefined;
  const all = (): readonly PublishedBundle[] =>
    (sorted ??= [...published].sort(([a], [b]) => compareText(a, b)).map(([, bundle]) => bundle));

  const setRecord = (record: SequenceRecord): void => {
    records.set(keyOf(record.mesh, record.trustDomain), record);
    hasNewRecords = true;
  };

  /** The keys of certificates that were read, by certificate. */
  const known = new WeakMap<Uint8Array, readonly SpiffeKey[]>();

  /** Returns the keys of a trust domain; `undefined` if that takes more keys than the budget has. */
  const keysOf = (source: PublicationSource, budget: Budget): readonly SpiffeKey[] | undefined => {
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
    source: PublicationSource,
    now: number,
    budget: Budget,
  ): PublishedBundle | 'later' | undefined => {
    const key = keyOf(mesh, trustDomain);
    const before = sources.get(key);
    if (before !== undefined && isSameSource(before, source)) return undefined;
    withheld.set(key, { mesh, trustDomain });
    const keys = keysOf(source, budget);
    if (keys === undefined) {
      // If the change is taken back before its turn comes, the earlier source must end `withheld`.
      sources.delete(key);
      return 'later';
    }
    sources.set(key, source);
    const record = records.get(key);
    const isEmpty = keys.length === 0;
    if (isEmpty && !published.has(key) && !mayBeEmpty(record, source)) {
      withheld.delete(key);
      if (record?.isEmpty === false) missing.set(key, { mesh });
      return undefined;
    }
    const contentHash = hash('sha256', JSON.stringify([keys, refreshSeconds])).slice(0, 32);
    const isAsBefore = record?.hash === contentHash;
    if (!source.isKnown && !isAsBefore && record?.hasImported !== false) return undefined;
    withheld.delete(key);
    missing.delete(key);
    const withImported = source.isKnown ? hasImported(source) : record?.hasImported;
    const sequence = isAsBefore ? record.sequence : Math.max(now, (record?.sequence ?? -1) + 1);
    const facts = { mesh, trustDomain, sequence, hash: contentHash, isEmpty };
    if (!isAsBefore || record.hasImported !== withImported)
      setRecord({ ...facts, hasImported: withImported });
    if (isAsBefore && published.has(key)) return undefined;
    const document: SpiffeBundle = { keys, spiffe_sequence: sequence, spiffe_refresh_hint: refreshSeconds };
    const bundle: PublishedBundle = {
      ...facts,
      etag: `"${contentHash}"`,
      document,
      body: Buffer.from(`${JSON.stringify(document)}\n`),
      publishedAt: now,
    };
    published.set(key, bundle);
    return bundle;
  };

  const step: PublishedBundles['step'] = (served, now, maxKeys) => {
    const changed: PublishedBundle[] = [];
    const budget = { keys: maxKeys };
    let isComplete = true;
    hasNewRecords = false;
    const gone = new Set(withheld.keys());
    for (const [mesh, trustDomain, source] of namedSources(rules, served, [...records.values()])) {
      if (gone.size > 0) gone.delete(keyOf(mesh, trustDomain));
      const bundle = publish(mesh, trustDomain, source, now, budget);
      if (bundle === 'later') isComplete = false;
      else if (bundle !== undefined) changed.push(bundle);
    }
    for (const key of gone) {
      withheld.delete(key);
      // Listed again as it was, it must be withheld again.
      sources.delete(key);
    }
    if (changed.length > 0) sorted = maps = undefined;
    // Until then, a bundle that is not published may be one that is to come.
    if (isComplete) ({ isImportKnown } = served);
    isAllRead = isComplete && served.isAllRead;
    if (isAllRead) missing.clear();
    return { changed, hasNewRecords, isComplete };
  };

  return {
    update: (served, now) => step(served, now, Infinity).changed,
    step,
    get: (mesh, trustDomain) => published.get(keyOf(mesh, trustDomain)),
    mapOf: (mesh) => (maps ??= mapsOf(all())).get(mesh),
    awaitsImport: (mesh, trustDomain) =>
      !isImportKnown &&
      rules.some(
        (rule) =>
          rule.mesh === mesh &&
          rule.trustDomain !== '*' &&
          rule.trustDomain === (trustDomain ?? rule.trustDomain) &&
          !published.has(keyOf(mesh, rule.trustDomain)),
      ),
    awaitsRead: (mesh) => !isAllRead && missing.values().some((one) => one.mesh === mesh),
    all,
    withheld: () => [...withheld.values()],
    records: () => [...records.values()],
  };
}

/** Returns whether a document without keys may be the first of this process. */
function mayBeEmpty(record: SequenceRecord | undefined, { bundle }: PublicationSource): boolean {
  if (record === undefined) return false;
  return record.isEmpty || (bundle?.anchors.length === 0 && bundle.distrusted.length > 0);
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

function keyOf(mesh: string, trustDomain: string): string {
  return `${mesh}\0${trustDomain}`;
}

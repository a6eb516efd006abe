import { hostname } from 'node:os';
import type { Logger } from '../observe/log/log.ts';
import { fetchBundle } from '../inputs/federation/fetch-bundle.ts';
import type { FetchReport } from '../inputs/federation/poll-context.ts';
import { createFederationPoller } from '../inputs/federation/poll-federation.ts';
import type { FederationPoller } from '../inputs/federation/poll-federation.ts';
import { createHostLookup } from '../inputs/federation/host-lookup.ts';
import { createLanes } from '../inputs/federation/poll-lanes.ts';
import type { Metrics } from '../observe/metrics/metrics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Pipeline } from '../runtime/pipeline.ts';
import type { FederationOptions, ServeOptions } from '../runtime/serve-options.ts';
import { openFederationStore } from '../runtime/state/federation-store.ts';
import { isDistrusted } from '../trust/bundle/trust-bundle.ts';
import type { BundlePolicy } from '../trust/bundle/trust-bundle.ts';
import { readCertificate } from '../trust/x509/read-certificate.ts';
import { createRelationshipCollector } from '../trust/federation/collect-relationships.ts';
import {
  alsoListedFindings,
  federationFindings,
  keptFindings,
} from '../trust/federation/federation-findings.ts';
import {
  federationPath,
  federationSource,
  keyOfFederationPath,
  relationshipKey,
} from '../trust/federation/relationship.ts';
import type { Relationship } from '../trust/federation/relationship.ts';
import type { RelationshipStatus } from '../trust/federation/relationship-status.ts';
import type { Finding } from '../trust/findings/finding.ts';
import type { TrustDomain } from '../trust/model/mesh-trust.ts';
import { importIdentities } from '../trust/imports/import-stage.ts';
import { importSource } from '../trust/ledger/import-sources.ts';
import type { LedgerEvent } from '../trust/ledger/ledger.ts';
import type { FileReport } from './file-report.ts';
import type { OwnTrustDomains } from './own-trust-domains.ts';
import type { Deliver } from './source-delivery.ts';
import { federatedTrustDomains, files, identities, kubernetes } from './sources.ts';
import { followWebCas } from './web-cas.ts';

export interface FederationInput {
  readonly options: ServeOptions;
  readonly pipeline: Pipeline;
  /** Receives the events of the source `federation`. It never throws. */
  readonly deliver: Deliver;
  /** The trust domains that are never taken from a peer. */
  readonly own: OwnTrustDomains | undefined;
  /** The names of the sources of the server. */
  readonly sources: readonly string[];
  readonly policy: () => BundlePolicy;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'federation'>;
  readonly report: FileReport;
}

/** The relationships of the server. */
export interface Federation extends AsyncDisposable {
  statuses(): readonly RelationshipStatus[];
  /** Returns the path of the file or object that a relationship follows from, by its key. */
  pathOf(key: string): string | undefined;
  refresh: FederationPoller['refresh'];
  /** Ends all polls, and resolves once their bundles are kept. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts to follow the relationships among the inputs, and to fetch their bundles.
 * @throws {Error} if a file or the state directory cannot be used.
 */
export async function startFederation(
  settings: FederationOptions,
  input: FederationInput,
): Promise<Federation> {
  const { options, pipeline, deliver, own, policy, clock, log, metrics, report } = input;
  const { stateDir, maxDocumentBytes, maxCertificates, version } = options;
  const instance = hostname();
  await using cleanup = new AsyncDisposableStack();
  const webCas = await followWebCas(settings.webCa, log, report);
  cleanup.defer(() => webCas.close());
  const store =
    stateDir === undefined
      ? undefined
      : await openFederationStore(
          stateDir,
          (message, error) => log.error({ event: 'state-dir', err: error }, message),
          clock,
        );
  /** The relationships of which an earlier run had CA certificates in force, until it is known that they are gone. */
  const earlier = new Set(store?.stored.keys());
  /** The sources of trust domains of this server that nothing else waits for, until each is read. */
  const unreadOwn = new Set<string>(own === undefined ? [] : ownSources(input.sources, options));
  // Relationships come from files and from the watch of the cluster.
  const origins = new Set<string>(
    input.sources.filter((name) => name === files || name === federatedTrustDomains),
  );
  const collector = createRelationshipCollector({
    origins,
    className: settings.className,
    classless: settings.classless,
    isPublished: (mesh, trustDomain, isListed) =>
      own?.yields(mesh, trustDomain, () => isListed() || hasOtherSource(pipeline, mesh, trustDomain)) ===
      true,
    // What an earlier run had in force stays: a source that cannot be read takes nothing away.
    isUndecided: (mesh, trustDomain) =>
      unreadOwn.size > 0 &&
      !earlier.has(relationshipKey(mesh, trustDomain)) &&
      own?.publishesAll(mesh) === true,
  });
  let collected: readonly Finding[] = [];
  let relationships: ReadonlyMap<string, Relationship> = new Map();
  const findings = (): readonly Finding[] => {
    const statuses = poller.statuses();
    const { holdings } = pipeline.view().ledger;
    return [
      ...collected,
      ...federationFindings(statuses, clock.wall(), settings.maxIntervalMs, holdings),
      ...keptFindings(poller.kept(), collector.unread()),
      ...alsoListedFindings(statuses, holdings),
    ];
  };
  const lookupHost = createHostLookup();
  const poller = createFederationPoller({
    fetch: (request) => fetchBundle({ ...request, lookupHost }),
    clock,
    lanes: createLanes(),
    limits: settings,
    maxAgeMs: settings.maxAgeMs,
    userAgent: `meshtrust/${version} (${instance})`,
    instance,
    maxBytes: maxDocumentBytes,
    maxCertificates,
    denyPrivate: settings.denyPrivate,
    webCas: () => webCas.current(),
    trusted: (mesh, trustDomain) =>
      pipeline
        .view()
        .meshes.get(mesh)
        ?.bundle.bundles.find((bundle) => bundle.trustDomain === trustDomain)
        ?.anchors.map(({ certificate }) => certificate.der) ?? [],
    isDistrusted(der) {
      const reading = readCertificate(der);
      return reading.kind === 'ca' && isDistrusted(reading.certificate, policy());
    },
    stored: store?.stored ?? new Map(),
    earlier,
    save: (bundle) => store?.save(bundle),
    forget(key) {
      earlier.delete(key);
      store?.remove(key);
    },
    sink: (events) => deliver(federationSource, events),
    onFetch(report) {
      logFetch(log, report);
      metrics.federation.fetched(report);
      // A successful fetch confirms what was delivered before.
      if (report.error === undefined) deliver(federationSource, []);
    },
    onChange: () => pipeline.setFindings(federationSource, findings),
  });

  metrics.federation.follow(() => poller.statuses());

  // Without these, nothing is served at all. Others do not delay the wait for bundles.
  const unread = new Set<string>(input.sources.filter((name) => name === files || name === kubernetes));
  const unsynced = new Set(origins);
  // The sources of the trust domains that are never taken from a peer.
  const unknown = new Set<string>(
    own === undefined
      ? []
      : input.sources.filter((name) => name === files || name === kubernetes || name === identities),
  );
  /** The trust domains of MeshIdentities. */
  let derived: ReadonlySet<string> = new Set();
  const updateAll = (): void => {
    const { all, findings: found } = collector.view();
    collected = found;
    relationships = all;
    poller.update(all, (path) => collector.evidenceOf(path));
  };
  const observe = (source: string, events: readonly LedgerEvent[]): void => {
    if (source === federationSource) {
      for (const event of events) if (event.kind === 'restored') earlier.add(keyOfFederationPath(event.path));
      return;
    }
    const derivedBefore = derived;
    derived = own?.derived() ?? derived;
    const hasChanged = collector.apply(source, events) || derived.symmetricDifference(derivedBefore).size > 0;
    const wasUnknown = unknown.size + unreadOwn.size;
    for (const event of events) {
      const { kind } = event;
      const isRestored = event.kind === 'restored' && event.isPartial !== true;
      if (kind === 'synced') unreadOwn.delete(source);
      // A source that fails is not waited for: only trust domains that it may have wait, see `isUndecided`.
      if (kind === 'synced' || isRestored || kind === 'failed') unknown.delete(source);
      if (kind === 'synced' || isRestored) unread.delete(source);
      if (kind === 'synced') unsynced.delete(source);
    }
    const hasLearned = unknown.size + unreadOwn.size < wasUnknown;
    if (unknown.size === 0 && (hasChanged || hasLearned)) updateAll();
    if (unread.size === 0) poller.beginWait();
    // A relationship of an earlier run may be in a file that cannot be read: it is not gone before that is certain.
    if (unsynced.size === 0 && unknown.size === 0) poller.allRead(collector.unread().length === 0);
  };
  pipeline.observeInput(observe);
  // What a MeshIdentity had stays in force for a while.
  if (own !== undefined)
    pipeline.subscribe(({ kind }) => {
      if (kind === 'served' && unknown.size === 0) updateAll();
    });
  const owned = cleanup.move();
  return {
    statuses: () => poller.statuses(),
    pathOf: (key) => relationships.get(key)?.place.file,
    refresh: (isSelected) => poller.refresh(isSelected),
    async [Symbol.asyncDispose]() {
      poller.close();
      await store?.flush();
      await owned.disposeAsync();
    },
  };
}

/** Returns the sources that say which trust domains this server has, and that its first answer does not wait for. */
function ownSources(
  sources: readonly string[],
  { imports }: Pick<ServeOptions, 'imports'>,
): readonly string[] {
  return [
    ...sources.filter((name) => name === identities),
    ...(imports === undefined ? [] : [importSource, importIdentities]),
  ];
}

/** Returns whether a source besides federation lists a trust domain. */
function hasOtherSource(pipeline: Pipeline, mesh: string, trustDomain: TrustDomain): boolean {
  const shares = pipeline.view().ledger.holdings.get(mesh)?.get(trustDomain) ?? [];
  const own = federationPath(relationshipKey(mesh, trustDomain));
  return shares.some(({ anchors }) => anchors.some(({ place }) => place.file !== own));
}

function logFetch(log: Logger, { relationship, result, error, isNews, milliseconds }: FetchReport): void {
  const { mesh, trustDomain, url } = relationship;
  const fields = { event: 'federation', mesh, trustDomain, url, result, ms: Math.round(milliseconds) };
  const text = `the bundle of ${trustDomain} for mesh ${mesh}: ${error?.message ?? result}`;
  if (!isNews) log.debug(fields, text);
  else if (error === undefined) log.info(fields, text);
  else log.warn(fields, text);
}

import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { EventsBySource } from '../identity/identity-stage.ts';
import type { LocalTrustDomains } from '../identity/local-trust-domains.ts';
import { importSource, importSourceOf, isImportSource, zoneOfSource } from '../ledger/import-sources.ts';
import type { LedgerEvent } from '../ledger/ledger.ts';
import type { Identity } from '../model/mesh-trust.ts';
import type { ParsedFile } from '../model/parse-file.ts';
import type { ParsedDocument } from '../model/parse-mesh-trust.ts';
import type { MeshStates } from '../snapshot/mesh-builder.ts';
import type { ImportContext, Voucher } from './decide-import.ts';
import { decideObject, unusedFinding } from './decide-object.ts';
import type { Refused } from './decide-object.ts';
import { Vouchers } from './vouchers.ts';
import type { VoucherRecord, VouchersOptions } from './vouchers.ts';

/** The name under which the MeshIdentities of the Global control plane are read. They only vouch for zones. */
export const importIdentities = 'import identities';

export interface ImportStageOptions extends VouchersOptions {
  /** The zone of this server: what it publishes comes from here, not from the Global control plane. */
  readonly zone: string;
  /** The trust domains that the operator of this server allows to a zone, in all meshes. */
  readonly granted: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * The stage that decides which MeshTrusts of the Global control plane are in force. It has state but neither a clock
 * nor I/O. All times are epoch milliseconds.
 *
 * Nothing is decided before the MeshIdentities of the Global control plane were read completely, because they say for
 * which trust domains a zone may vouch.
 */
export interface ImportStage {
  /** Returns whether the stage takes the events of a source. */
  reads(source: string): boolean;
  /** Returns the events for the ledger, by the zone that published the resources. */
  apply(source: string, events: readonly LedgerEvent[], now: number): EventsBySource;
  /** Replaces the trust domains that the MeshIdentities of this server give. */
  setOwn(own: LocalTrustDomains): EventsBySource;
  /** Returns the MeshIdentities of the Global control plane as a restart needs them. */
  vouchers(): readonly VoucherRecord[];
  /** Ends what former MeshIdentities of the Global control plane allow. */
  tick(now: number): EventsBySource;
  nextEnd(): number | undefined;
  /** Returns the findings about what is not served. */
  findings(meshes: MeshStates): readonly Finding[];
}

/** One object of the Global control plane. */
interface ObjectState {
  /** The newest version; `undefined` while only an earlier run is known to have read it. */
  version: { readonly parsed: ParsedFile; readonly settled: boolean } | undefined;
  /** The vouchers of the object that are in force. */
  vouchers: ReadonlyMap<Identity, Voucher>;
  refused: readonly Refused[];
  /** The source of the ledger that has it. */
  source: string | undefined;
  /** The documents of the newest version that the ledger received. */
  sent: readonly ParsedDocument[] | undefined;
}

/** An event for a source of the ledger. */
type Addressed = readonly [source: string, event: LedgerEvent];

export function createImportStage(options: ImportStageOptions): ImportStage {
  const vouchers = new Vouchers(options);
  const objects = new Map<string, ObjectState>();
  const sources = new Set([importSource]);
  const synced = new Set<string>();
  /** When a path could not be read first, since it was read last. */
  const failedSince = new Map<string, number>();
  let own: LocalTrustDomains = { names: new Set(), unread: 'none' };
  let isReady = false;

  const context: ImportContext = {
    zone: options.zone,
    isGiven: (mesh, zone, trustDomain) => vouchers.isGiven(mesh, zone, trustDomain),
    isGranted: (zone, trustDomain) => options.granted.get(zone)?.has(trustDomain) === true,
    isShared: (mesh, trustDomain) => vouchers.isShared(mesh, trustDomain),
    get own() {
      return own;
    },
  };

  /** Decides about an object again. It moves to the source of the zone that vouches for it. */
  const update = (path: string, state: ObjectState): readonly Addressed[] => {
    const { version, source: before, sent } = state;
    if (version === undefined) return [];
    const { parsed, settled } = version;
    const { documents, vouchers: next, refused } = decideObject(parsed, state.vouchers, context);
    const [voucher] = next.values();
    const source = importSourceOf(voucher?.zone);
    const isKnown = before === source && sent !== undefined && isSame(sent, documents);
    Object.assign(state, { vouchers: next, refused, source, sent: documents });
    if (isKnown) return [];
    const events: Addressed[] = [];
    if (before !== undefined && before !== source)
      events.push([before, { kind: 'gone', path, evidence: 'deletion' }]);
    if (!sources.has(source)) events.push([source, { kind: 'synced' }]);
    sources.add(source);
    const { others, remarks } = parsed.kind === 'documents' ? parsed : { others: [], remarks: [] };
    const body = { documents, others, remarks, identities: [], secrets: [], federated: [] };
    events.push([source, { kind: 'version', path, settled, parsed: { kind: 'documents', ...body } }]);
    return events;
  };

  const updateAll = (): readonly Addressed[] =>
    isReady ? [...objects].flatMap(([path, state]) => update(path, state)) : [];

  const applyIdentities = (events: readonly LedgerEvent[], now: number): readonly Addressed[] => {
    for (const event of events)
      switch (event.kind) {
        case 'version':
          if (event.parsed.kind === 'refused') vouchers.fail(event.path, event.parsed.findings, now);
          else vouchers.put(event.path, event.parsed.identities, now);
          break;
        case 'gone':
          vouchers.remove(event.path, now);
          break;
        case 'synced':
          vouchers.confirm(now);
          synced.add(importIdentities);
          break;
        case 'unreadable':
          vouchers.fail(event.path, [unreadable(event)], now);
          break;
        case 'kept':
          vouchers.fail(event.path, [], now);
          break;
        case 'failed':
        case 'recovered':
        case 'restored':
          break;
      }
    return updateAll();
  };

  const applyObject = (source: string, event: LedgerEvent): readonly Addressed[] => {
    switch (event.kind) {
      case 'version': {
        const state = objects.get(event.path) ?? newObject();
        objects.set(event.path, state);
        state.version = event;
        state.sent = undefined;
        return isReady ? update(event.path, state) : [];
      }
      case 'gone': {
        const state = objects.get(event.path);
        objects.delete(event.path);
        return state?.source === undefined ? [] : [[state.source, event]];
      }
      case 'restored':
        sources.add(source);
        objects.set(event.path, { ...newObject(), source, vouchers: vouchersOf(source, event.grants) });
        return [[source, event]];
      case 'synced':
        synced.add(importSource);
        return [];
      case 'unreadable':
      case 'kept': {
        // The ledger must not take what an earlier run had of the object for gone.
        const before = objects.get(event.path)?.source;
        return before === undefined ? [] : [[before, event]];
      }
      case 'failed':
      case 'recovered':
        return [];
    }
  };

  /** Adds the time of the first failure to the failures, for people. */
  const failuresOf = (events: readonly LedgerEvent[], now: number): readonly Addressed[] =>
    events.flatMap((event): readonly Addressed[] => {
      if (event.kind === 'recovered') {
        failedSince.delete(event.path);
        return [[importSource, event]];
      }
      if (event.kind !== 'failed') return [];
      const since = failedSince.get(event.path) ?? now;
      failedSince.set(event.path, since);
      const time = new Date(since).toISOString().replace(/\.\d+/, '');
      return [[importSource, { ...event, reason: `${event.reason} (since ${time})` }]];
    });

  /** Decides about all objects once everything is read. Then the ledger withdraws what only an earlier run had. */
  const becomeReady = (): readonly Addressed[] => {
    if (isReady || !synced.has(importSource) || !synced.has(importIdentities)) return [];
    isReady = true;
    return [...updateAll(), ...[...sources].map((source): Addressed => [source, { kind: 'synced' }])];
  };

  return {
    reads: (source) => source === importIdentities || isImportSource(source),
    apply(source, events, now) {
      // What an earlier run kept may have ended since, and must not be in force for one build.
      const ended = vouchers.tick(now) ? updateAll() : [];
      const changes =
        source === importIdentities
          ? applyIdentities(events, now)
          : events.flatMap((event) => applyObject(source, event));
      return bySource([...failuresOf(events, now), ...ended, ...changes, ...becomeReady()]);
    },
    setOwn(next) {
      const isKnown =
        next.unread === own.unread && next.names.size === own.names.size && next.names.isSubsetOf(own.names);
      if (isKnown) return new Map();
      own = next;
      return bySource(updateAll());
    },
    tick: (now) => (vouchers.tick(now) ? bySource(updateAll()) : new Map()),
    vouchers: () => vouchers.records(),
    nextEnd: () => vouchers.nextEnd(),
    findings(meshes) {
      if (!isReady) return [];
      const refused = [...objects.values()].flatMap((state) => state.refused);
      return [...refused.flatMap((one) => unusedFinding(one, meshes) ?? []), ...vouchers.findings()];
    },
  };
}

function unreadable({ path, reason }: Extract<LedgerEvent, { readonly kind: 'unreadable' }>): Finding {
  return finding('MT001', `the object cannot be read: ${reason}`, { file: path });
}

function newObject(): ObjectState {
  return { version: undefined, vouchers: new Map(), refused: [], source: undefined, sent: undefined };
}

/** Returns what an earlier run had in force of an object. */
function vouchersOf(
  source: string,
  grants: Extract<LedgerEvent, { readonly kind: 'restored' }>['grants'],
): ReadonlyMap<Identity, Voucher> {
  const zone = zoneOfSource(source);
  return new Map(
    grants.map(({ resource: { identity, mesh, trustDomain } }) => [identity, { mesh, trustDomain, zone }]),
  );
}

function bySource(events: readonly Addressed[]): EventsBySource {
  const groups = Map.groupBy(events, ([source]) => source);
  return new Map([...groups].map(([source, group]) => [source, group.map(([, event]) => event)]));
}

/** Returns whether two decisions about one version gave the same documents. */
function isSame(a: readonly ParsedDocument[], b: readonly ParsedDocument[]): boolean {
  return a.every((document, index) => {
    const other = b[index];
    return document.kind === 'mesh-trust' ? document === other : document.kind === other?.kind;
  });
}

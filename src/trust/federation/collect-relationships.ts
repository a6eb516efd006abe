import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import { isImportSource } from '../ledger/import-sources.ts';
import type { LedgerEvent } from '../ledger/ledger.ts';
import { isUnnamed } from '../model/document-kind.ts';
import { replacementOf } from '../model/replacement.ts';
import type { FederatedTrustDomain } from '../model/federated-trust-domain.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import type { OtherDocument, ParsedFile } from '../model/parse-file.ts';
import type { GoneEvidence } from '../source.ts';
import { compareText } from '../../text/compare-text.ts';
import { relationshipKey, resourceOf } from './relationship.ts';
import type { Relationship } from './relationship.ts';

export interface CollectOptions {
  /** The class of the ClusterFederatedTrustDomains that are read. */
  readonly className: string | undefined;
  /** Whether those without a class are read. */
  readonly classless: boolean;
  /** The sources whose files or objects have ClusterFederatedTrustDomains. */
  readonly origins: ReadonlySet<string>;
  /** Whether this server publishes the trust domain of a mesh itself. `isListed`: a MeshTrust of this zone lists it. */
  readonly isPublished: (mesh: string, trustDomain: TrustDomain, isListed: () => boolean) => boolean;
  /** Whether the trust domain may turn out to be one that this server publishes itself. Default: never. */
  readonly isUndecided?: ((mesh: string, trustDomain: TrustDomain) => boolean) | undefined;
}

/** Returns whether the ClusterFederatedTrustDomains of a class, or those without one, are read. */
export function readsClass(
  { className: read, classless }: Pick<CollectOptions, 'className' | 'classless'>,
  className: string | undefined,
): boolean {
  return className === undefined ? classless : className === read;
}

/** The relationships in force. */
interface Relationships {
  readonly all: ReadonlyMap<string, Relationship>;
  readonly findings: readonly Finding[];
}

/** The ClusterFederatedTrustDomains of one file or object. */
interface PathState {
  /** Those in force, by name. */
  readonly resources: ReadonlyMap<string, FederatedTrustDomain>;
  /** Documents of other kinds in the last settled version that counts. */
  readonly others: readonly OtherDocument[];
  /** Why the newest version takes nothing away. */
  readonly problem: Finding | undefined;
}

type Version = Extract<LedgerEvent, { readonly kind: 'version' }>;
type ParsedDocuments = Extract<ParsedFile, { readonly kind: 'documents' }>;

const emptyPath: PathState = { resources: new Map(), others: [], problem: undefined };

/** Collects the ClusterFederatedTrustDomains of all sources. */
export interface RelationshipCollector {
  /** Applies events of a source, in their order. Returns whether a relationship may have changed. */
  apply(source: string, events: readonly LedgerEvent[]): boolean;
  view(): Relationships;
  /**
   * Returns the files and objects that may have had more relationships in an earlier run than are known now, because no
   * version of them was read completely since the start. Unsorted.
   */
  unread(): readonly string[];
  /** Returns how the file or object of a relationship that is gone was removed. */
  evidenceOf(path: string | undefined): GoneEvidence;
}

/**
 * Creates a collector. As in the ledger, a file that cannot be read or is not settled takes nothing away, and an
 * invalid version leaves the last good one in force. So does a version in which something else replaced them.
 */
export function createRelationshipCollector(options: CollectOptions): RelationshipCollector {
  const paths = new Map<string, PathState>();
  const absent = new Set<string>();
  /** The trust domains that the MeshTrusts of each file or object list. */
  const listed = new Map<string, ReadonlySet<string>>();
  /** The files and objects of which a complete version was read. What they have is known from then on. */
  const read = new Set<string>();
  /** The other ones, each with its path. */
  const unread = new Map<string, string>();

  const applyReading = (key: string, event: LedgerEvent): void => {
    if (!('path' in event)) return;
    switch (event.kind) {
      case 'version':
        if (isComplete(paths.get(key) ?? emptyPath, event)) {
          read.add(key);
          unread.delete(key);
        } else if (!read.has(key)) unread.set(key, event.path);
        break;
      case 'unreadable':
      case 'kept':
        if (!read.has(key)) unread.set(key, event.path);
        break;
      case 'gone':
        read.delete(key);
        unread.delete(key);
        break;
      case 'failed':
      case 'recovered':
      case 'restored':
    }
  };

  const applyEvent = (key: string, event: LedgerEvent): boolean => {
    switch (event.kind) {
      case 'version': {
        absent.delete(event.path);
        const names = listedIn(event.parsed);
        const isListChanged = names !== undefined && hasOthers(listed.get(key) ?? new Set(), names);
        if (names !== undefined) listed.set(key, names);
        const before = paths.get(key) ?? emptyPath;
        const after = nextVersion(before, event);
        if (before.resources.size === 0 && after.resources.size === 0) return isListChanged;
        if (after.resources.size === 0) paths.delete(key);
        else paths.set(key, after);
        return true;
      }
      case 'gone':
        if (!paths.delete(key)) return listed.delete(key);
        listed.delete(key);
        if (event.evidence === 'absence') absent.add(event.path);
        return true;
      case 'unreadable':
      case 'kept':
      case 'failed':
      case 'recovered':
      case 'synced':
      case 'restored':
        return false;
    }
  };

  return {
    apply(source, events) {
      // What counts of the Global control plane is decided elsewhere: a zone may list any trust domain there.
      if (isImportSource(source)) return false;
      let hasChanged = false;
      for (const event of events)
        if ('path' in event) {
          const key = `${event.path}\0${source}`;
          if (applyEvent(key, event)) hasChanged = true;
          if (options.origins.has(source)) applyReading(key, event);
        }
      return hasChanged;
    },
    view() {
      const all = new Map<string, Relationship>();
      const findings: Finding[] = [];
      let names: ReadonlySet<string> | undefined;
      const isListed = (key: string): boolean => {
        names ??= new Set([...listed.values()].flatMap((some) => [...some]));
        return names.has(key);
      };
      const isOwn = (mesh: string, trustDomain: TrustDomain): boolean =>
        options.isPublished(mesh, trustDomain, () => isListed(relationshipKey(mesh, trustDomain)));
      const sorted = [...paths].toSorted(([a], [b]) => compareText(a, b));
      for (const [, { resources, problem }] of sorted) {
        if (problem !== undefined) findings.push(problem);
        for (const resource of resources.values()) {
          if (!readsClass(options, resource.className)) continue;
          for (const mesh of resource.meshes)
            addRelationship(all, findings, resource, mesh, { isOwn, isUndecided: options.isUndecided });
        }
      }
      return { all, findings };
    },
    unread: () => [...unread.values()],
    evidenceOf: (path) => (path !== undefined && absent.has(path) ? 'absence' : 'deletion'),
  };
}

/** Whether a trust domain of a mesh is one that this server publishes itself, or may be one. */
interface OwnershipTests extends Pick<CollectOptions, 'isUndecided'> {
  readonly isOwn: (mesh: string, trustDomain: TrustDomain) => boolean;
}

function addRelationship(
  all: Map<string, Relationship>,
  findings: Finding[],
  { name, trustDomain, url, profile, bootstrap, place }: FederatedTrustDomain,
  mesh: string,
  { isOwn, isUndecided }: OwnershipTests,
): void {
  const key = relationshipKey(mesh, trustDomain);
  const at = { ...place, mesh, trustDomain };
  const other = all.get(key);
  if (isOwn(mesh, trustDomain)) {
    const text = `this server publishes trust domain ${trustDomain} of mesh ${mesh} itself; the resource is ignored`;
    findings.push(finding('MT087', text, at));
  } else if (isUndecided?.(mesh, trustDomain) === true) {
    const text = `whether this server publishes trust domain ${trustDomain} of mesh ${mesh} itself is not known before its MeshIdentities and the Global control plane are read; the resource waits for them`;
    findings.push(finding('MT087', text, at, 'warning'));
  } else if (other !== undefined) {
    const text = `mesh ${mesh} already takes trust domain ${trustDomain} from ${other.name} in ${other.place.file ?? ''}, which is first by path; that definition is used`;
    findings.push(finding('MT004', text, at));
    all.set(key, { ...other, others: [...(other.others ?? []), resourceOf({ name, place })] });
  } else all.set(key, { key, mesh, trustDomain, name, url, profile, bootstrap, place });
}

/** Returns the trust domains that the MeshTrusts of a version list; `undefined` if it cannot be parsed. */
function listedIn(parsed: ParsedFile): ReadonlySet<string> | undefined {
  if (parsed.kind === 'refused') return undefined;
  const names = parsed.documents.flatMap((document) =>
    document.kind === 'mesh-trust'
      ? relationshipKey(document.resource.mesh, document.resource.trustDomain)
      : [],
  );
  return new Set(names);
}

function hasOthers(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.symmetricDifference(b).size > 0;
}

function nextVersion(before: PathState, { path, parsed, settled }: Version): PathState {
  if (parsed.kind === 'refused') return before;
  const after = new Map<string, FederatedTrustDomain>();
  for (const item of parsed.federated) {
    if (item.kind === 'federated') {
      if (!after.has(item.resource.name)) after.set(item.resource.name, item.resource);
      continue;
    }
    const kept = item.name === undefined ? undefined : before.resources.get(item.name);
    if (kept !== undefined) after.set(kept.name, kept);
  }
  const isMissing = before.resources.keys().some((name) => !after.has(name));
  const isHidden = hidesRelationships(parsed);
  const { documents, identities, federated, others } = parsed;
  const isOneLeft = documents.length + identities.length + federated.length > 0;
  const kinds = isMissing && settled ? replacementOf(before.others, others, isOneLeft) : undefined;
  if (settled && !isHidden && kinds === undefined) return { resources: after, others, problem: undefined };
  return {
    resources: new Map([...before.resources, ...after]),
    others: before.others,
    problem: settled ? problemOf(path, kinds) : before.problem,
  };
}

/** Returns whether a version has a document without a legible name or kind: it may be any that the file had before. */
function hidesRelationships({ federated, documents, others }: ParsedDocuments): boolean {
  return (
    federated.some((item) => item.kind === 'invalid' && item.name === undefined) ||
    documents.some(({ kind }) => kind === 'unrecognised') ||
    others.some(({ label }) => isUnnamed(label))
  );
}

/** Returns whether a version gives all relationships of its file. `state` is the state after it. */
function isComplete({ resources }: PathState, { parsed, settled }: Version): boolean {
  if (!settled || parsed.kind === 'refused' || hidesRelationships(parsed)) return false;
  return parsed.federated.every(
    (item) => item.kind === 'federated' || (item.name !== undefined && resources.has(item.name)),
  );
}

function problemOf(file: string, kinds: string | undefined): Finding | undefined {
  if (kinds === undefined) return undefined;
  const text = `the file had a ClusterFederatedTrustDomain and now has ${kinds} instead; its federation stays in force, and ends if the file is deleted`;
  return finding('MT009', text, { file });
}

import { isMapping } from '../../text/json.ts';
import type { OtherDocument } from './parse-file.ts';
import { compareText } from '../../text/compare-text.ts';

/** The kind of a document, before it is parsed. */
export type DocumentKind =
  /** A MeshTrust with apiVersion, kind and metadata. */
  | { readonly kind: 'kubernetes' }
  /** A MeshTrust with type, name and mesh. */
  | { readonly kind: 'universal' }
  /** Resources in a list. `isPartial` is true if the list says that it is incomplete. */
  | { readonly kind: 'list'; readonly items: readonly unknown[]; readonly isPartial: boolean }
  /** A document that was probably meant as a MeshTrust, or whose kind is not legible. */
  | { readonly kind: 'unrecognised'; readonly reason: string }
  /** Any other document. `label` names its kind; `id` distinguishes it from other documents of the file. */
  | { readonly kind: 'other'; readonly label: string; readonly id: string };

/** Determines the kind of a document by its type, kind and apiVersion, or else by its spec. */
export function documentKindOf(value: unknown): DocumentKind {
  if (!isMapping(value)) return { kind: 'other', label: noMapping, id: '' };
  const { type, kind, apiVersion } = value;
  if (kind === 'MeshTrust') return kubernetesKind(value);
  if (type === 'MeshTrust')
    return kind === undefined
      ? { kind: 'universal' }
      : unrecognised("has both 'type: MeshTrust' and a kind, but a resource has only one of them");
  const list = listOf(value);
  if (list !== undefined) return list;
  const reason =
    encryptedReason(value) ?? failureReason(value) ?? nearMissReason(value) ?? listKindReason(value);
  if (reason !== undefined) return unrecognised(reason);
  return { kind: 'other', label: labelOf(kind ?? type, apiVersion), id: idOf(value) };
}

function kubernetesKind(value: Record<string, unknown>): DocumentKind {
  const { apiVersion } = value;
  // A missing or malformed apiVersion is reported later, as a violation with its place.
  if (typeof apiVersion !== 'string') return { kind: 'kubernetes' };
  if (apiVersion.startsWith('kuma.io/')) return { kind: 'kubernetes' };
  if (isAlmostKumaApiVersion(apiVersion) || hasSpecOfMeshTrust(value))
    return unrecognised("is of kind MeshTrust, but its apiVersion is not 'kuma.io/v1alpha1'");
  return { kind: 'other', label: labelOf('MeshTrust', apiVersion), id: idOf(value) };
}

/** True if the apiVersion has no group, a group without a dot (custom resources have one), or almost `kuma.io`. */
function isAlmostKumaApiVersion(apiVersion: string): boolean {
  const end = apiVersion.indexOf('/');
  const group = end === -1 ? '' : apiVersion.slice(0, end);
  return !group.includes('.') || distance(plainWord(group), 'kuma.io') <= 2;
}

function hasSpecOfMeshTrust({ spec }: Record<string, unknown>): boolean {
  return isMapping(spec) && 'caBundles' in spec && 'trustDomain' in spec;
}

function listOf(value: Record<string, unknown>): DocumentKind | undefined {
  const { kind, type, items } = value;
  if (!Array.isArray(items)) return undefined;
  // Lists of Kuma's REST API have no kind.
  const isKumaList = kind === undefined && type === undefined && 'total' in value;
  if (kind !== 'List' && kind !== 'MeshTrustList' && !isKumaList) return undefined;
  const metadata = value['metadata'];
  const rest = isKumaList ? value['next'] : isMapping(metadata) ? metadata['continue'] : undefined;
  return { kind: 'list', items, isPartial: rest != null && rest !== '' };
}

/**
 * Returns a reason if SOPS (https://getsops.io) encrypted the kind of the document. SOPS encrypts values and leaves
 * keys legible. A document with a legible kind is of that kind: repositories have many encrypted Secrets.
 */
function encryptedReason(value: Record<string, unknown>): string | undefined {
  const words = [value['kind'], value['type']].filter((word) => typeof word === 'string');
  if (words.some((word) => !word.startsWith('ENC['))) return undefined;
  const isEncrypted = words.length > 0 || isMapping(value['sops']);
  return isEncrypted ? 'is encrypted by SOPS: decrypt it first' : undefined;
}

/** Returns a reason if the document is an error response of an API server: scripts without checks save such files. */
function failureReason(value: Record<string, unknown>): string | undefined {
  const isStatus = value['kind'] === 'Status' && value['apiVersion'] === 'v1';
  // Kuma's error responses follow RFC 9457.
  const isProblem =
    value['kind'] === undefined && typeof value['status'] === 'number' && typeof value['title'] === 'string';
  return isStatus || isProblem ? 'is the error message of an API server' : undefined;
}

const kindKeys = ['type', 'kind'] as const;

function nearMissReason(value: Record<string, unknown>): string | undefined {
  for (const [key, word] of Object.entries(value)) {
    if (typeof word !== 'string' || !kindKeys.some((known) => isNear(plainWord(key), known, 1))) continue;
    for (const wanted of ['MeshTrust', 'MeshTrustList'])
      if (isNear(plainWord(word), wanted.toLowerCase(), 2))
        return `looks like a ${wanted}, but its ${describeKey(key)} is misspelt`;
  }
  const { kind, type, apiVersion } = value;
  if (!hasSpecOfMeshTrust(value)) return undefined;
  if (kind == null && type == null) return "has the spec of a MeshTrust, but neither 'type' nor 'kind'";
  const isForeign = kind != null && typeof apiVersion === 'string' && !isAlmostKumaApiVersion(apiVersion);
  return !isForeign ? 'has the spec of a MeshTrust, but is of another kind' : undefined;
}

/** Returns a reason if a list has MeshTrusts but its kind is missing or misspelt, so that it is not read as a list. */
function listKindReason({ items }: Record<string, unknown>): string | undefined {
  const isMeshTrust = (item: unknown): boolean =>
    isMapping(item) && (item['kind'] === 'MeshTrust' || item['type'] === 'MeshTrust');
  if (!Array.isArray(items) || !items.some(isMeshTrust)) return undefined;
  return "has MeshTrusts as its items, but its kind is not 'List'";
}

/** Returns the key if it is spelt correctly. A finding does not quote any other key. */
function describeKey(key: string): string {
  return kindKeys.some((known) => known === key) ? key : "'type' or 'kind'";
}

function unrecognised(reason: string): DocumentKind {
  return { kind: 'unrecognised', reason };
}

const noMapping = 'no mapping';
const withoutKind = 'without a kind';
const unusualKind = 'of an unusual kind';
const unnamed: ReadonlySet<string> = new Set([noMapping, withoutKind, unusualKind]);

/** True for the label of a document without a legible kind, which may have replaced a MeshTrust. */
export function isUnnamed(label: string): boolean {
  return unnamed.has(label);
}

/** Returns the label of another kind. A finding does not quote a kind that is not a possible name of a kind. */
function labelOf(kind: unknown, apiVersion: unknown): string {
  if (kind == null) return withoutKind;
  if (typeof kind !== 'string' || !/^[A-Za-z][A-Za-z0-9]{0,62}$/.test(kind)) return unusualKind;
  const isForeign = kind === 'MeshTrust' && typeof apiVersion === 'string';
  return isForeign ? 'MeshTrust of another API group' : kind;
}

function idOf(value: Record<string, unknown>): string {
  const metadata = isMapping(value['metadata']) ? value['metadata'] : {};
  const name = metadata['name'] ?? value['name'];
  return JSON.stringify([value['kind'], value['type'], value['apiVersion'], metadata['namespace'], name]);
}

/** Returns at most 64 characters in lower case, without white space, invisible characters, `_` and `-`. */
export function plainWord(text: string): string {
  return text
    .slice(0, 64)
    .replaceAll(/[\s\p{Cf}\p{Cc}_-]/gu, '')
    .toLowerCase();
}

/** Returns whether two short texts are at most `most` characters apart. */
function isNear(a: string, b: string, most: number): boolean {
  return Math.abs(a.length - b.length) <= most && distance(a, b) <= most;
}

/**
 * Returns the number of characters to change, add, remove or swap with their neighbour (optimal string alignment). Both
 * texts must be short: the time is the product of their lengths.
 */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) least = Math.min(least, (before[j - 2] ?? 0) + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Counts the documents of each kind, by the label of the kind. */
export function countKinds(others: Iterable<OtherDocument>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { label } of others) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}

/** Formats counts by kind on one line: `2 ConfigMap, 1 without a kind`, or `nothing`. */
export function describeKinds(counts: ReadonlyMap<string, number>): string {
  if (counts.size === 0) return 'nothing';
  return [...counts]
    .sort(([a], [b]) => compareText(a, b))
    .map(([label, count]) => `${count} ${label}`)
    .join(', ');
}

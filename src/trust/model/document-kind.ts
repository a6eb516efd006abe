import { isMapping } from './violations.ts';

/** What a document is, before it is read. */
export type DocumentKind =
  /** A MeshTrust with apiVersion, kind and metadata. */
  | { readonly kind: 'kubernetes' }
  /** A MeshTrust with type, name and mesh. */
  | { readonly kind: 'universal' }
  /** Resources in a list. `isPartial` if it says that there are more than it has. */
  | { readonly kind: 'list'; readonly items: readonly unknown[]; readonly isPartial: boolean }
  /** Something that was probably meant as a MeshTrust, or that hides what it is. */
  | { readonly kind: 'unrecognised'; readonly reason: string }
  /** Something else. `label` names its kind, `id` tells it from others of the file. */
  | { readonly kind: 'other'; readonly label: string; readonly id: string };

/** Tells what a document is by its type, kind and apiVersion; by its spec where those are of no use. */
export function documentKindOf(value: unknown): DocumentKind {
  if (!isMapping(value)) return { kind: 'other', label: noMapping, id: '' };
  const { type, kind, apiVersion } = value;
  if (kind === 'MeshTrust') return kubernetesKind(value);
  if (type === 'MeshTrust')
    return kind === undefined
      ? { kind: 'universal' }
      : unrecognised("has 'type: MeshTrust' and a kind as well: one resource has one of them");
  const list = listOf(value);
  if (list !== undefined) return list;
  const reason =
    encryptedReason(value) ?? failureReason(value) ?? nearMissReason(value) ?? oddListReason(value);
  if (reason !== undefined) return unrecognised(reason);
  return { kind: 'other', label: labelOf(kind ?? type, apiVersion), id: idOf(value) };
}

function kubernetesKind(value: Record<string, unknown>): DocumentKind {
  const { apiVersion } = value;
  // A missing or odd one is a violation of a MeshTrust, with a place of its own.
  if (typeof apiVersion !== 'string') return { kind: 'kubernetes' };
  if (apiVersion.startsWith('kuma.io/')) return { kind: 'kubernetes' };
  if (isAlmostKumas(apiVersion) || hasSpecOfMeshTrust(value))
    return unrecognised("is of kind MeshTrust, and its apiVersion is not 'kuma.io/v1alpha1'");
  return { kind: 'other', label: labelOf('MeshTrust', apiVersion), id: idOf(value) };
}

/** True for an apiVersion without a group, or whose group has no dot, as no custom resource has, or is nearly `kuma.io`. */
function isAlmostKumas(apiVersion: string): boolean {
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
  // The REST API of Kuma lists resources without saying of what kind the list is.
  const isKumaList = kind === undefined && type === undefined && 'total' in value;
  if (kind !== 'List' && kind !== 'MeshTrustList' && !isKumaList) return undefined;
  const metadata = value['metadata'];
  const rest = isKumaList ? value['next'] : isMapping(metadata) ? metadata['continue'] : undefined;
  return { kind: 'list', items, isPartial: rest != null && rest !== '' };
}

/**
 * A file that SOPS encrypted keeps its keys and hides its values (https://getsops.io). If its kind is legible, the
 * document is what it says: repositories hold many encrypted Secrets.
 */
function encryptedReason(value: Record<string, unknown>): string | undefined {
  const words = [value['kind'], value['type']].filter((word) => typeof word === 'string');
  if (words.some((word) => !word.startsWith('ENC['))) return undefined;
  const isEncrypted = words.length > 0 || isMapping(value['sops']);
  return isEncrypted ? 'is encrypted by SOPS: decrypt it first' : undefined;
}

/** What an API server answers where a request failed: it lands in files of scripts that do not look. */
function failureReason(value: Record<string, unknown>): string | undefined {
  const isStatus = value['kind'] === 'Status' && value['apiVersion'] === 'v1';
  // Kuma answers as RFC 9457 has it.
  const isProblem =
    value['kind'] === undefined && typeof value['status'] === 'number' && typeof value['title'] === 'string';
  return isStatus || isProblem ? 'is the error message of an API server' : undefined;
}

const kindKeys = ['type', 'kind'] as const;

function nearMissReason(value: Record<string, unknown>): string | undefined {
  for (const [key, word] of Object.entries(value)) {
    if (typeof word !== 'string' || !kindKeys.some((known) => distance(plainWord(key), known) <= 1)) continue;
    for (const wanted of ['MeshTrust', 'MeshTrustList'])
      if (distance(plainWord(word), wanted.toLowerCase()) <= 2)
        return `looks like a ${wanted}, and its ${describeKey(key)} is not written so`;
  }
  const { kind, type, apiVersion } = value;
  if (!hasSpecOfMeshTrust(value)) return undefined;
  if (kind == null && type == null) return "has the spec of a MeshTrust and says neither 'type' nor 'kind'";
  const isForeign = kind != null && typeof apiVersion === 'string' && !isAlmostKumas(apiVersion);
  return !isForeign ? 'has the spec of a MeshTrust and is of another kind' : undefined;
}

/** Why a list of MeshTrusts is not read as one: its kind is missing or misspelt. */
function oddListReason({ items }: Record<string, unknown>): string | undefined {
  const isOurs = (item: unknown): boolean =>
    isMapping(item) && (item['kind'] === 'MeshTrust' || item['type'] === 'MeshTrust');
  if (!Array.isArray(items) || !items.some(isOurs)) return undefined;
  return "has MeshTrusts as its items, and its kind is not 'List'";
}

/** A key that is written right by its name; another one is not quoted. */
function describeKey(key: string): string {
  return kindKeys.some((known) => known === key) ? key : "'type' or 'kind'";
}

function unrecognised(reason: string): DocumentKind {
  return { kind: 'unrecognised', reason };
}

const noMapping = 'no mapping';
const withoutKind = 'without a kind';
const oddKind = 'of an unusual kind';
const unnamed: ReadonlySet<string> = new Set([noMapping, withoutKind, oddKind]);

/** True for the label of a document that does not say what it is, so that it may stand in place of a MeshTrust. */
export function isUnnamed(label: string): boolean {
  return unnamed.has(label);
}

/** The kind of something else as people know it. A name that no kind has is content, and is not quoted. */
function labelOf(kind: unknown, apiVersion: unknown): string {
  if (kind == null) return withoutKind;
  if (typeof kind !== 'string' || !/^[A-Za-z][A-Za-z0-9]{0,62}$/.test(kind)) return oddKind;
  const isForeign = kind === 'MeshTrust' && typeof apiVersion === 'string';
  return isForeign ? 'MeshTrust of another API group' : kind;
}

function idOf(value: Record<string, unknown>): string {
  const metadata = isMapping(value['metadata']) ? value['metadata'] : {};
  const name = metadata['name'] ?? value['name'];
  return JSON.stringify([value['kind'], value['type'], value['apiVersion'], metadata['namespace'], name]);
}

/** Returns the text in lower case, without white space, invisible characters, `_` and `-`; at most 64 characters. */
export function plainWord(text: string): string {
  return text
    .slice(0, 64)
    .replaceAll(/[\s\p{Cf}\p{Cc}_-]/gu, '')
    .toLowerCase();
}

/**
 * How many characters have to be changed, added, removed or exchanged with their neighbour (optimal string alignment).
 * Both texts are short.
 */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      const isExchange = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isExchange) least = Math.min(least, (before[j - 2] ?? 0) + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

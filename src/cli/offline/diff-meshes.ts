import type { AnchorDetail, MeshDetail, SecretDetail, TrustDomainDetail } from '../../api/api-types.ts';
import { rootSecretName } from '../../trust/secret/secret-names.ts';
import { compareText } from '../../text/compare-text.ts';

/** The change of one CA certificate of a trust domain. */
export type AnchorChange =
  | { readonly kind: 'added'; readonly after: AnchorDetail }
  | { readonly kind: 'removed'; readonly before: AnchorDetail }
  /**
   * Another certificate with the same subject and key. The same leaves chain to it, within its dates and constraints.
   */
  | { readonly kind: 'renewed'; readonly before: AnchorDetail; readonly after: AnchorDetail }
  /** The same certificate, served in another form: its issuer was added or removed, or became valid or invalid. */
  | { readonly kind: 're-rooted'; readonly before: AnchorDetail; readonly after: AnchorDetail };

/** The change of one trust domain: it was added or removed, or its anchors changed. */
interface TrustDomainDifference {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly name: string;
  /** Sorted by kind (see `rank`), then by fingerprint. */
  readonly anchors: readonly AnchorChange[];
}

/** The change of one mesh. */
export interface MeshDifference {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly mesh: string;
  /** Versions of the mesh; undefined if it is not listed. */
  readonly before?: string | undefined;
  readonly after?: string | undefined;
  /** True if proxies of the mesh refuse every client after the change. */
  readonly denyAll: boolean;
  readonly trustDomains: readonly TrustDomainDifference[];
  /** Names of the secrets whose bytes differ: proxies that subscribe to one of them receive an update. */
  readonly secrets: readonly string[];
}

/**
 * Compares two states of all meshes. Anchors are compared by fingerprint, and secrets by version. A secret can differ
 * although no anchor does: if other anchors fit into the merged secret.
 */
export function diffMeshDetails(
  before: readonly MeshDetail[],
  after: readonly MeshDetail[],
): readonly MeshDifference[] {
  return pairs(before, after, ({ name }) => name).flatMap(({ key, earlier, later }) => {
    const trustDomains = diffTrustDomains(earlier?.trustDomains ?? [], later?.trustDomains ?? []);
    const secrets = diffSecrets(earlier?.secrets ?? [], later?.secrets ?? []);
    // Without CA certificates, it makes no difference whether the mesh was ever listed: proxies refuse every client.
    if (trustDomains.length === 0 && !trusts(earlier) && !trusts(later)) return [];
    if (trustDomains.length === 0 && secrets.length === 0) return [];
    const difference: MeshDifference = {
      kind: earlier === undefined ? 'added' : later === undefined ? 'removed' : 'changed',
      mesh: key,
      before: earlier?.version,
      after: later?.version,
      denyAll: later?.denyAll ?? true,
      trustDomains,
      secrets,
    };
    return [difference];
  });
}

function trusts(mesh: MeshDetail | undefined): boolean {
  return mesh !== undefined && mesh.trustDomains.length > 0;
}

function diffTrustDomains(
  before: readonly TrustDomainDetail[],
  after: readonly TrustDomainDetail[],
): readonly TrustDomainDifference[] {
  return pairs(before, after, ({ name }) => name).flatMap(({ key, earlier, later }) => {
    const anchors = diffAnchors(earlier?.anchors ?? [], later?.anchors ?? []);
    if (anchors.length === 0 && earlier !== undefined && later !== undefined) return [];
    const kind = earlier === undefined ? 'added' : later === undefined ? 'removed' : 'changed';
    return [{ kind, name: key, anchors } satisfies TrustDomainDifference];
  });
}

function diffSecrets(before: readonly SecretDetail[], after: readonly SecretDetail[]): readonly string[] {
  return pairs(before, after, ({ name }) => name).flatMap(({ key, earlier, later }) => {
    // An option of the server decides whether this secret exists. It does not change which clients are trusted.
    if (key === rootSecretName && (earlier === undefined || later === undefined)) return [];
    return earlier?.version === later?.version ? [] : [key];
  });
}

const rank = { removed: 0, added: 1, renewed: 2, 're-rooted': 3 } as const;

function diffAnchors(
  before: readonly AnchorDetail[],
  after: readonly AnchorDetail[],
): readonly AnchorChange[] {
  const changes: AnchorChange[] = [];
  const removed = new Map<string, AnchorDetail[]>();
  const added: AnchorDetail[] = [];
  for (const { earlier, later } of pairs(before, after, ({ fingerprint }) => fingerprint)) {
    if (earlier === undefined && later !== undefined) added.push(later);
    else if (later === undefined && earlier !== undefined) {
      const key = caIdentityOf(earlier);
      removed.set(key, [...(removed.get(key) ?? []), earlier]);
    } else if (earlier !== undefined && later !== undefined && isReissued(earlier) !== isReissued(later)) {
      changes.push({ kind: 're-rooted', before: earlier, after: later });
    }
  }
  for (const anchor of added) {
    // A server serves one certificate for each subject and key, so usually at most one matches.
    const renewed = removed.get(caIdentityOf(anchor))?.shift();
    changes.push(
      renewed === undefined
        ? { kind: 'added', after: anchor }
        : { kind: 'renewed', before: renewed, after: anchor },
    );
  }
  for (const anchor of [...removed.values()].flat()) changes.push({ kind: 'removed', before: anchor });
  return changes.sort(
    (a, b) => rank[a.kind] - rank[b.kind] || compareText(anchorOf(a).fingerprint, anchorOf(b).fingerprint),
  );
}

/** Returns the anchor of a change: the state after it, or before it if the anchor was removed. */
export function anchorOf(change: AnchorChange): AnchorDetail {
  return change.kind === 'removed' ? change.before : change.after;
}

/** Returns the identity of a CA in path validation: its name and its key (RFC 5280, section 6.1.1 d). */
function caIdentityOf({ subject, keyHash }: AnchorDetail): string {
  return `${keyHash} ${subject}`;
}

/** Returns true if an anchor is served in self-issued form: `promoted` and `re-rooted` differ only in the cause. */
function isReissued({ rooting }: AnchorDetail): boolean {
  return rooting !== 'as-listed';
}

interface Pair<Item> {
  readonly key: string;
  readonly earlier: Item | undefined;
  readonly later: Item | undefined;
}

/** Pairs the items of both lists that have the same key, in the order of keys. */
function pairs<Item>(
  before: readonly Item[],
  after: readonly Item[],
  keyOf: (item: Item) => string,
): readonly Pair<Item>[] {
  const [earlier, later] = [before, after].map((items) => new Map(items.map((item) => [keyOf(item), item])));
  const keys = [...new Set([...before, ...after].map(keyOf))].sort(compareText);
  return keys.map((key) => ({ key, earlier: earlier?.get(key), later: later?.get(key) }));
}

import type { AnchorDetail, MeshDetail, SecretDetail, TrustDomainDetail } from '../../api/api-types.ts';
import { rootSecretName } from '../../trust/secret/secret-names.ts';

/** What happened to one certificate authority of a trust domain. */
export type AnchorChange =
  | { readonly kind: 'added'; readonly after: AnchorDetail }
  | { readonly kind: 'removed'; readonly before: AnchorDetail }
  /** Another certificate for the same subject and key: nobody gains or loses access by it. */
  | { readonly kind: 'renewed'; readonly before: AnchorDetail; readonly after: AnchorDetail }
  /** The same certificate, served in another form: its issuer left or joined the trust domain. */
  | { readonly kind: 're-rooted'; readonly before: AnchorDetail; readonly after: AnchorDetail };

/** What happened to one trust domain: whether it came, went, or has other anchors. */
export interface TrustDomainDifference {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly name: string;
  /** By kind, then fingerprint. */
  readonly anchors: readonly AnchorChange[];
}

/** What happened to one mesh. */
export interface MeshDifference {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly mesh: string;
  /** Versions of the mesh; a mesh that is not listed has none. */
  readonly before?: string | undefined;
  readonly after?: string | undefined;
  /** After it, every client of the mesh is refused. */
  readonly denyAll: boolean;
  readonly trustDomains: readonly TrustDomainDifference[];
  /** Names of the secrets whose bytes differ: whoever asks for one of them is sent something. */
  readonly secrets: readonly string[];
}

/**
 * What differs between two states of everything that is served, by name of mesh and trust domain. Anchors are
 * compared by fingerprint, secrets by version: so what fits into the secret of all trust domains counts too.
 */
export function diffMeshDetails(
  before: readonly MeshDetail[],
  after: readonly MeshDetail[],
): readonly MeshDifference[] {
  return pairs(before, after, ({ name }) => name).flatMap(({ key, earlier, later }) => {
    const trustDomains = diffTrustDomains(earlier?.trustDomains ?? [], later?.trustDomains ?? []);
    const secrets = diffSecrets(earlier?.secrets ?? [], later?.secrets ?? []);
    // A mesh that lost everything denies all, and so does one that was never listed.
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
    // Whether it exists is an option of the server, and says nothing of who is trusted.
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
      const key = authorityOf(earlier);
      removed.set(key, [...(removed.get(key) ?? []), earlier]);
    } else if (earlier !== undefined && later !== undefined && isReissued(earlier) !== isReissued(later)) {
      changes.push({ kind: 're-rooted', before: earlier, after: later });
    }
  }
  for (const anchor of added) {
    // Of one subject and key one is served, so that there is no choice.
    const renewed = removed.get(authorityOf(anchor))?.shift();
    changes.push(
      renewed === undefined
        ? { kind: 'added', after: anchor }
        : { kind: 'renewed', before: renewed, after: anchor },
    );
  }
  for (const anchor of [...removed.values()].flat()) changes.push({ kind: 'removed', before: anchor });
  return changes.sort(
    (a, b) => rank[a.kind] - rank[b.kind] || compare(anchorOf(a).fingerprint, anchorOf(b).fingerprint),
  );
}

/** The anchor that a change is about, as it is after it, or was. */
export function anchorOf(change: AnchorChange): AnchorDetail {
  return change.kind === 'removed' ? change.before : change.after;
}

/** What a leaf sees of an authority: its name and its key (RFC 5280, section 6.1.1 d). */
function authorityOf({ subject, keyHash }: AnchorDetail): string {
  return `${keyHash} ${subject}`;
}

/** `promoted` and `re-rooted` differ in how it came to be, not in what is served. */
function isReissued({ rooting }: AnchorDetail): boolean {
  return rooting !== 'as-listed';
}

interface Pair<Item> {
  readonly key: string;
  readonly earlier: Item | undefined;
  readonly later: Item | undefined;
}

/** Brings together what has the same key, in the order of keys. */
function pairs<Item>(
  before: readonly Item[],
  after: readonly Item[],
  keyOf: (item: Item) => string,
): readonly Pair<Item>[] {
  const [earlier, later] = [before, after].map((items) => new Map(items.map((item) => [keyOf(item), item])));
  const keys = [...new Set([...before, ...after].map(keyOf))].sort(compare);
  return keys.map((key) => ({ key, earlier: earlier?.get(key), later: later?.get(key) }));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

import type { AnchorDetail, MeshDetail } from '../../api/api-types.ts';
import { matchesEntry } from '../../trust/policy/distrust.ts';
import { counted } from '../../observe/log/describe-change.ts';
import { plainText } from '../../text/plain-text.ts';

/** A CA that a revocation takes away, where it is served. */
export interface RevokedCa {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly anchor: AnchorDetail;
  /** What is served of the trust domain besides. */
  readonly othersLeft: number;
}

/** What a revocation does to one mesh. */
export interface RevocationEffect {
  readonly mesh: string;
  /** Connected proxies of all servers. */
  readonly proxies: number;
  readonly cas: readonly RevokedCa[];
  /** No CA is left in the mesh: its proxies refuse every client. */
  readonly leavesNothing: boolean;
}

/** What the servers serve that a hash stands for, by mesh. Replicas serve the same, and their proxies are added up. */
export function effectsOf(
  hash: string,
  servers: readonly (readonly MeshDetail[])[],
): readonly RevocationEffect[] {
  const byName = Map.groupBy(servers.flat(), ({ name }) => name);
  return [...byName].flatMap(([mesh, replicas]) => {
    const proxies = replicas.reduce((sum, replica) => sum + replica.proxies, 0);
    // Replicas may have read different versions: the one that trusts the most says what is cut off.
    const effects = replicas.map((replica) => effectOn(hash, replica, proxies));
    const most = effects.reduce((a, b) => (b.cas.length > a.cas.length ? b : a));
    return most.cas.length === 0 ? [] : [{ ...most, mesh }];
  });
}

function effectOn(hash: string, { name, trustDomains }: MeshDetail, proxies: number): RevocationEffect {
  const cas = trustDomains.flatMap((domain) => {
    const revoked = domain.anchors.filter((anchor) => matchesEntry(hash, anchor));
    return revoked.map((anchor): RevokedCa => ({
      mesh: name,
      trustDomain: domain.name,
      anchor,
      othersLeft: domain.anchors.length - revoked.length,
    }));
  });
  const all = trustDomains.reduce((sum, domain) => sum + domain.anchors.length, 0);
  return { mesh: name, proxies, cas, leavesNothing: cas.length > 0 && cas.length === all };
}

/**
 * The meshes to wait for, each with the servers that have it; `served` is what each server serves. Without effects
 * all meshes: what the hash stands for may have been cut off a moment ago, and proxies of any mesh may lack that.
 */
export function holdersOf<Server>(
  served: readonly (readonly [server: Server, meshes: readonly Pick<MeshDetail, 'name'>[]])[],
  effects: readonly Pick<RevocationEffect, 'mesh'>[],
): ReadonlyMap<string, readonly Server[]> {
  const changed = new Set(effects.map(({ mesh }) => mesh));
  const pairs = served.flatMap(([server, meshes]) => meshes.map(({ name }) => ({ name, server })));
  const wanted = pairs.filter(({ name }) => changed.size === 0 || changed.has(name));
  const byName = Map.groupBy(wanted, ({ name }) => name);
  return new Map([...byName].map(([name, holders]) => [name, holders.map(({ server }) => server)]));
}

/** A line for each CA that is cut off, and one for each mesh that is left without any. */
export function describeEffects(effects: readonly RevocationEffect[]): readonly string[] {
  return effects.flatMap(({ mesh, proxies, cas, leavesNothing }) => [
    ...cas.map(({ trustDomain, anchor, othersLeft }) => {
      const rest =
        othersLeft === 0
          ? `no CA is left, and every client of ${trustDomain} is refused`
          : `${counted(othersLeft, 'other CA')} ${othersLeft === 1 ? 'stays' : 'stay'}`;
      const ca = `CA ${anchor.subject} (${anchor.fingerprint.slice(0, 16)})`;
      return `${ca} is cut off from trust domain ${trustDomain} of mesh ${mesh}, ${counted(proxies, 'proxy')}: ${rest}`;
    }),
    ...(leavesNothing
      ? [`WARNING: mesh ${mesh} is left without any CA: its proxies refuse EVERY client`]
      : []),
  ]);
}

/**
 * The hash to write: all of it, where one certificate or one key is meant. For a key with a compressed point it is the
 * hash that stands for both encodings.
 */
export function wholeHash(hash: string, effects: readonly RevocationEffect[]): string {
  const anchors = effects.flatMap(({ cas }) => cas.map(({ anchor }) => anchor));
  const whole = new Set(
    anchors.map(({ fingerprint, keyHash }) => (fingerprint.startsWith(hash) ? fingerprint : keyHash)),
  );
  const [only] = whole;
  return whole.size === 1 && only !== undefined ? only : hash;
}

/** The lines to add to a distrust list: what the hash is, for people, and the hash. */
export function linesFor(hash: string, effects: readonly RevocationEffect[], date: string): string {
  const subjects = new Set(effects.flatMap(({ cas }) => cas.map(({ anchor }) => anchor.subject)));
  const what = subjects.size === 0 ? 'not served at this time' : [...subjects].join('; ');
  // One line, whatever a subject has in it, and nothing that steers the terminal of a reader.
  return `# ${date} revoked: ${plainText(what, 400)}\n${hash}\n`;
}

/** The list with lines at its end; undefined if it has the hash already. */
export function addToList(
  list: string,
  hash: string,
  known: Iterable<string>,
  lines: string,
): string | undefined {
  for (const entry of known) if (hash.startsWith(entry)) return undefined;
  return list === '' || list.endsWith('\n') ? list + lines : `${list}\n${lines}`;
}

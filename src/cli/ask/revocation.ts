import type { AnchorDetail, MeshDetail } from '../../api/api-types.ts';
import { matchesEntry } from '../../trust/policy/distrust.ts';
import { counted } from '../../text/counted.ts';
import { plainText } from '../../text/plain-text.ts';

/** A served CA certificate that a revocation removes. */
interface RevokedCa {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly anchor: AnchorDetail;
  /** Number of CA certificates of the trust domain that are still served. */
  readonly othersLeft: number;
}

/** The effect of a revocation on one mesh. */
export interface RevocationEffect {
  readonly mesh: string;
  /** Connected proxies of all servers. */
  readonly proxies: number;
  readonly cas: readonly RevokedCa[];
  /** No CA is left in the mesh: its proxies refuse every client. */
  readonly leavesNothing: boolean;
}

/** Returns the effects of distrusting a hash, by mesh. The numbers of proxies of all replicas are added up. */
export function effectsOf(
  hash: string,
  servers: readonly (readonly MeshDetail[])[],
): readonly RevocationEffect[] {
  const byName = Map.groupBy(servers.flat(), ({ name }) => name);
  return [...byName].flatMap(([mesh, replicas]) => {
    const proxies = replicas.reduce((sum, replica) => sum + replica.proxies, 0);
    // Replicas may have read different versions: the effect on the one that trusts the most is reported.
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
 * Returns the meshes to wait for, each with the servers that serve it. Returns all meshes if there are no effects: the
 * CA may have been distrusted a moment ago, and proxies of any mesh may not have that change yet.
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

/** Returns a line for each CA certificate that is distrusted, and one for each mesh that is left without any. */
export function describeEffects(effects: readonly RevocationEffect[]): readonly string[] {
  return effects.flatMap(({ mesh, proxies, cas, leavesNothing }) => [
    ...cas.map(({ trustDomain, anchor, othersLeft }) => {
      const rest =
        othersLeft === 0
          ? `no CA remains, so proxies will refuse every client of ${trustDomain}`
          : `${counted(othersLeft, 'other CA')} ${othersLeft === 1 ? 'remains' : 'remain'}`;
      const ca = `CA ${anchor.subject} (${anchor.fingerprint.slice(0, 16)})`;
      return `${ca}: distrusted in trust domain ${trustDomain} of mesh ${mesh} (${counted(proxies, 'proxy')}); ${rest}`;
    }),
    ...(leavesNothing ? [`WARNING: mesh ${mesh} has no CA left: its proxies will refuse EVERY client`] : []),
  ]);
}

/**
 * Returns the hash to write to the list: the whole hash, if the given one matches one certificate or one key. For a
 * key with a compressed point, that is the hash that stands for both encodings.
 */
export function wholeHash(hash: string, effects: readonly RevocationEffect[]): string {
  const anchors = effects.flatMap(({ cas }) => cas.map(({ anchor }) => anchor));
  const whole = new Set(
    anchors.map(({ fingerprint, keyHash }) => (fingerprint.startsWith(hash) ? fingerprint : keyHash)),
  );
  const [only] = whole;
  return whole.size === 1 && only !== undefined ? only : hash;
}

/** Returns the lines to add to a distrust list: a comment for people, and the hash. */
export function linesFor(hash: string, effects: readonly RevocationEffect[], date: string): string {
  const subjects = new Set(effects.flatMap(({ cas }) => cas.map(({ anchor }) => anchor.subject)));
  const what = subjects.size === 0 ? 'not served at this time' : [...subjects].join('; ');
  // A subject may contain line breaks or control sequences of a terminal.
  return `# ${date} revoked: ${plainText(what, 400)}\n${hash}\n`;
}

/** Returns the list with the lines added at its end; undefined if it already contains the hash. */
export function addToList(
  list: string,
  hash: string,
  known: Iterable<string>,
  lines: string,
): string | undefined {
  for (const entry of known) if (hash.startsWith(entry)) return undefined;
  return list === '' || list.endsWith('\n') ? list + lines : `${list}\n${lines}`;
}

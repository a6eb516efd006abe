import type { LogMessage } from './read-message.ts';

/** An issuer of client certificates. Times are epoch milliseconds of this server. */
interface SeenIssuer {
  readonly entries: number;
  readonly firstSeen: number;
  readonly lastSeen: number;
}

/** The issuers of clients in the access logs of the proxies of a mesh. */
export interface MeshSightings {
  /** By the fingerprint of the certificate as it is listed. */
  readonly issuers: ReadonlyMap<string, SeenIssuer>;
  /** Entries with an issuer that is not served: an intermediate that clients send, for example. */
  readonly unknown: number;
  /** The time of the last of these entries; `undefined` without one. */
  readonly unknownAt: number | undefined;
  /** Entries without the fingerprint of an issuer. */
  readonly without: number;
  /** The time at which entries were last lost; `undefined` if none were lost. */
  readonly lostAt: number | undefined;
  /** Nodes that sent entries with an issuer within the last hour. Nodes beyond `mostNodes` are not counted. */
  readonly nodes: number;
}

/** The time for which a node counts after its last entry, in ms. */
const nodeWindowMs = 3_600_000;
/** The most nodes that are kept, over all meshes. */
const mostNodes = 20_000;
/** A node with a longer id is not counted. */
const longestId = 512;

/** The CA certificates that the proxies of a mesh have: the fingerprint as served, and the one as listed. */
export type ServedIssuers = ReadonlyMap<string, string>;

/**
 * Counts the issuers of clients by mesh. Only issuers that are served to the mesh are counted one by one, so
 * clients and proxies cannot fill the memory with invented issuers.
 */
export interface IssuerSightings {
  /** Counts the entries of a message. `served` is `undefined` for a mesh that does not exist. */
  add(sender: LogSender, message: LogMessage, served: ServedIssuers | undefined, at: number): void;
  /** Records that entries may be missing: of a mesh that exists, or of all of them. */
  lost(mesh: string | undefined, at: number): void;
  of(mesh: string, now: number): MeshSightings;
}

/** The node that sends its access log. */
export interface LogSender {
  readonly id: string;
  readonly mesh: string;
}

interface Counts {
  readonly issuers: Map<string, SeenIssuer>;
  /** The time of the last entries of each node, the oldest first. */
  readonly nodes: Map<string, number>;
  unknown: number;
  unknownAt: number | undefined;
  without: number;
  lostAt: number | undefined;
}

/** Creates a count without sightings. */
export function createIssuerSightings(): IssuerSightings {
  const meshes = new Map<string, Counts>();
  /** The number of nodes of all meshes. */
  let nodes = 0;
  /** The time at which entries of an unknown mesh were last lost. */
  let lostAt: number | undefined;

  function countsOf(mesh: string): Counts {
    let counts = meshes.get(mesh);
    if (counts === undefined) {
      counts = {
        issuers: new Map(),
        nodes: new Map(),
        unknown: 0,
        unknownAt: undefined,
        without: 0,
        lostAt: undefined,
      };
      meshes.set(mesh, counts);
    }
    return counts;
  }

  function forgetNodes(known: Map<string, number>, now: number): void {
    for (const [id, at] of known) {
      if (now - at < nodeWindowMs) break;
      known.delete(id);
      nodes -= 1;
    }
  }

  function sent(known: Map<string, number>, id: string, at: number): void {
    if (id === '' || id.length > longestId) return;
    if (known.delete(id)) nodes -= 1;
    forgetNodes(known, at);
    // Those of meshes whose nodes no longer send anything.
    if (nodes >= mostNodes) for (const { nodes: others } of meshes.values()) forgetNodes(others, at);
    if (nodes >= mostNodes) return;
    known.set(id, at);
    nodes += 1;
  }

  return {
    add({ id, mesh }, { without, issuers }, served, at) {
      if (served === undefined) return;
      const counts = countsOf(mesh);
      if (issuers.size > 0) sent(counts.nodes, id, at);
      counts.without += without;
      for (const [fingerprint, entries] of issuers) {
        const listed = served.get(fingerprint);
        if (listed === undefined) {
          counts.unknown += entries;
          counts.unknownAt = Math.max(counts.unknownAt ?? at, at);
        } else {
          const before = counts.issuers.get(listed);
          counts.issuers.set(listed, {
            entries: (before?.entries ?? 0) + entries,
            firstSeen: Math.min(before?.firstSeen ?? at, at),
            lastSeen: Math.max(before?.lastSeen ?? at, at),
          });
        }
      }
      if (counts.issuers.size > served.size) prune(counts.issuers, served);
    },
    lost(mesh, at) {
      if (mesh === undefined) {
        lostAt = Math.max(lostAt ?? at, at);
        return;
      }
      const counts = countsOf(mesh);
      counts.lostAt = Math.max(counts.lostAt ?? at, at);
    },
    of(mesh, now) {
      const counts = meshes.get(mesh);
      if (counts !== undefined) forgetNodes(counts.nodes, now);
      const times = [lostAt, counts?.lostAt].filter((time) => time !== undefined);
      return {
        issuers: counts?.issuers ?? new Map(),
        unknown: counts?.unknown ?? 0,
        unknownAt: counts?.unknownAt,
        without: counts?.without ?? 0,
        lostAt: times.length === 0 ? undefined : Math.max(...times),
        nodes: counts?.nodes.size ?? 0,
      };
    },
  };
}

/** Removes the issuers that are not served any more. */
function prune(issuers: Map<string, SeenIssuer>, served: ServedIssuers): void {
  const listed = new Set(served.values());
  for (const fingerprint of issuers.keys()) if (!listed.has(fingerprint)) issuers.delete(fingerprint);
}

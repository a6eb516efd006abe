import type { LogMessage } from './read-message.ts';

/** An issuer of certificates of clients. Times are epoch milliseconds of this server. */
interface SeenIssuer {
  readonly entries: number;
  readonly firstSeen: number;
  readonly lastSeen: number;
}

/** What the access logs of the proxies of a mesh say. */
export interface MeshSightings {
  /** By the fingerprint of the certificate as it is listed. */
  readonly issuers: ReadonlyMap<string, SeenIssuer>;
  /** Entries with an issuer that is not served: an intermediate that clients send, for example. */
  readonly unknown: number;
  /** Entries without the fingerprint of an issuer. */
  readonly without: number;
  /** When entries were last lost; `undefined` if none were. */
  readonly lostAt: number | undefined;
}

/** The CA certificates that the proxies of a mesh have: the fingerprint as served, and the one as listed. */
export type ServedIssuers = ReadonlyMap<string, string>;

/**
 * Counts the issuers of clients by mesh. Only issuers that are served to the mesh are counted by name, so what clients
 * and proxies send cannot make it grow.
 */
export interface IssuerSightings {
  /** Counts the entries of a message. `served` is `undefined` for a mesh that does not exist. */
  add(mesh: string, message: LogMessage, served: ServedIssuers | undefined, at: number): void;
  /** Records that entries may be missing: of one mesh, or of all of them. */
  lost(mesh: string | undefined, at: number): void;
  of(mesh: string): MeshSightings;
}

interface Counts {
  readonly issuers: Map<string, SeenIssuer>;
  unknown: number;
  without: number;
  lostAt: number | undefined;
}

/** Creates a count without sightings. */
export function createIssuerSightings(): IssuerSightings {
  const meshes = new Map<string, Counts>();
  /** When entries of an unknown mesh were last lost. */
  let lostAt: number | undefined;

  function countsOf(mesh: string): Counts {
    let counts = meshes.get(mesh);
    if (counts === undefined)
      meshes.set(mesh, (counts = { issuers: new Map(), unknown: 0, without: 0, lostAt: undefined }));
    return counts;
  }

  return {
    add(mesh, { without, issuers }, served, at) {
      if (served === undefined) return;
      const counts = countsOf(mesh);
      counts.without += without;
      for (const [fingerprint, entries] of issuers) {
        const listed = served.get(fingerprint);
        if (listed === undefined) counts.unknown += entries;
        else {
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
      const counts = mesh === undefined ? undefined : meshes.get(mesh);
      if (counts === undefined) lostAt = Math.max(lostAt ?? at, at);
      else counts.lostAt = Math.max(counts.lostAt ?? at, at);
    },
    of(mesh) {
      const counts = meshes.get(mesh);
      const times = [lostAt, counts?.lostAt].filter((time) => time !== undefined);
      return {
        issuers: counts?.issuers ?? new Map(),
        unknown: counts?.unknown ?? 0,
        without: counts?.without ?? 0,
        lostAt: times.length === 0 ? undefined : Math.max(...times),
      };
    },
  };
}

/** Removes the issuers that are not served any more. */
function prune(issuers: Map<string, SeenIssuer>, served: ServedIssuers): void {
  const listed = new Set(served.values());
  for (const fingerprint of issuers.keys()) if (!listed.has(fingerprint)) issuers.delete(fingerprint);
}

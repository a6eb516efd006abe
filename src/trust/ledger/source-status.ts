import { countKinds } from '../model/document-kind.ts';
import type { Entry } from './entry.ts';

/** The state of one source, for readiness, status and metrics. */
export interface SourceStatus {
  readonly name: string;
  readonly synced: boolean;
  /**
   * Whether its whole trust was restored from an earlier run, and is served until its first complete read. False if a
   * part of it may be missing.
   */
  readonly restored: boolean;
  readonly accepted: number;
  /** The number of files or objects whose newest version is not served. */
  readonly rejected: number;
  /** The number of files, objects, directories and lists that cannot be read. */
  readonly unreadable: number;
  /** The number of documents of other kinds, by kind. */
  readonly otherKinds: ReadonlyMap<string, number>;
  /** The accepted and rejected counts by mesh; the mesh is `''` where it is unknown. */
  readonly meshes: ReadonlyMap<string, ObjectCounts>;
  /** The first path that cannot be read, with the reason. */
  readonly failure?: string;
}

/** The number of resources in force, and of files or objects whose newest version is not in force. */
interface ObjectCounts {
  readonly accepted: number;
  readonly rejected: number;
}

/** What a status follows from. */
interface SourceParts extends Pick<SourceStatus, 'name' | 'synced' | 'restored'> {
  readonly entries: ReadonlyMap<string, Entry>;
  /** The paths that cannot be read, with the reasons. */
  readonly failures: ReadonlyMap<string, string>;
}

/** Returns the state of a source for people. */
export function statusOf(source: SourceParts): SourceStatus {
  let accepted = 0;
  let rejected = 0;
  let unreadable = source.failures.size;
  const meshes = new Map<string, { accepted: number; rejected: number }>();
  const countsOf = (mesh: string): { accepted: number; rejected: number } => {
    let counts = meshes.get(mesh);
    if (counts === undefined) meshes.set(mesh, (counts = { accepted: 0, rejected: 0 }));
    return counts;
  };
  for (const entry of source.entries.values()) {
    accepted += entry.grants.length;
    for (const { resource } of entry.grants) countsOf(resource.mesh).accepted += 1;
    if (entry.findings.some(({ code }) => code === 'MT001')) unreadable += 1;
    if (entry.invalid) {
      rejected += 1;
      // The mesh of a file that never had a valid resource is unknown.
      countsOf(entry.grants[0]?.resource.mesh ?? '').rejected += 1;
    }
  }
  const { name, synced, restored, failures } = source;
  const [failure] = [...failures].map(([path, reason]) => `${path}: ${reason}`);
  return {
    name,
    synced,
    restored,
    accepted,
    rejected,
    unreadable,
    otherKinds: countKinds([...source.entries.values()].flatMap(({ others }) => others)),
    meshes,
    ...(failure === undefined ? {} : { failure }),
  };
}

import { LRUCache } from 'lru-cache';
import { denyAllSecret } from '../trust/secret/mesh-secrets.ts';
import type { SecretOptions } from '../trust/secret/mesh-secrets.ts';
import type { ServedMeshes } from '../trust/snapshot/publisher.ts';

/** A state of a mesh that is or was served: versions alone. Times are epoch milliseconds. */
export interface ServedVersion {
  readonly version: string;
  /** When the first cause of the change came in. */
  readonly since: number;
  /** When it went out. */
  readonly servedAt: number;
  readonly names: ReadonlyMap<string, string>;
}

/** What each mesh is served, and was served lately. */
export interface ServedHistory {
  published(states: ServedMeshes, since: number, now: number): void;
  /** What is served to a mesh and what was before, newest first; undefined for one that nothing was listed for. */
  versions(mesh: string): readonly ServedVersion[] | undefined;
  meshes(): Iterable<string>;
  /** The version of a secret in a state of a mesh; undefined where the name stands for nothing. */
  versionOf(served: ServedVersion | undefined, name: string): string | undefined;
}

/** States kept of a mesh. */
const kept = 16;
/** Versions of names that nothing is listed for. */
const denialsKept = 1_000;

/** Makes an empty history. It keeps versions, not what they are of: old bytes are not held by it. */
export function createServedHistory(options: SecretOptions = {}): ServedHistory {
  const meshes = new Map<string, readonly ServedVersion[]>();
  let known: ServedMeshes = new Map();
  const denials = new LRUCache<string, string>({ max: denialsKept });

  const denialOf = (name: string): string | undefined => {
    const found = denials.get(name);
    if (found !== undefined) return found;
    const version = denyAllSecret(name, options)?.version;
    if (version !== undefined) denials.set(name, version);
    return version;
  };
  return {
    published(states, since, now) {
      for (const [mesh, state] of states) {
        const { version, secrets } = state.secrets;
        if (known.get(mesh)?.secrets === state.secrets) continue;
        const before = meshes.get(mesh) ?? [];
        if (before[0]?.version === version) continue;
        const names = new Map<string, string>();
        for (const [name, secret] of secrets) names.set(name, secret.version);
        meshes.set(mesh, [{ version, since, servedAt: now, names }, ...before].slice(0, kept));
      }
      known = states;
    },
    versions: (mesh) => meshes.get(mesh),
    meshes: () => meshes.keys(),
    // Every valid name is known, and where nothing is listed it stands for deny-all.
    versionOf: (served, name) => served?.names.get(name) ?? denialOf(name),
  };
}

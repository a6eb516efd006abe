import { LRUCache } from 'lru-cache';
import { denyAllSecret } from '../trust/secret/mesh-secrets.ts';
import type { SecretOptions } from '../trust/secret/mesh-secrets.ts';
import type { ServedMeshes } from '../trust/snapshot/publisher.ts';

/** A state of a mesh that is or was served, without content. Times are epoch milliseconds. */
export interface ServedVersion {
  readonly version: string;
  /** When the first cause of the change arrived. */
  readonly since: number;
  /** When the version was published. */
  readonly servedAt: number;
  /** The version of each secret, by name. */
  readonly names: ReadonlyMap<string, string>;
}

/** The served version of each mesh, and the versions before it. */
export interface ServedHistory {
  published(states: ServedMeshes, since: number, now: number): void;
  /** Returns the versions of a mesh, newest first; `undefined` for a mesh that never had a listed MeshTrust. */
  versions(mesh: string): readonly ServedVersion[] | undefined;
  meshes(): Iterable<string>;
  /** Returns the version of a secret in a state of a mesh; `undefined` if the name is not a valid secret name. */
  versionOf(served: ServedVersion | undefined, name: string): string | undefined;
}

/** The number of states that are kept for each mesh. */
const kept = 16;
/** The number of cached deny-all versions of names without a listed MeshTrust. */
const denialsKept = 1_000;

/** Creates an empty history. It keeps versions only, so it does not retain the bytes of old secrets. */
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
    // Every valid name has a secret: without a listed MeshTrust it is deny-all.
    versionOf: (served, name) => served?.names.get(name) ?? denialOf(name),
  };
}

import { combinedVersion, contentVersion } from './content-version.ts';

/** One xDS resource. Immutable: a change is another Resource of the same name. */
export interface Resource {
  readonly name: string;
  /** Never empty, and different for different bodies: a hash of the body, unless there is a reason. */
  readonly version: string;
  /** The encoded message, i.e. the value of the `Any` on the wire. */
  readonly body: Uint8Array;
}

/** Everything that one group of nodes may get of one type. Immutable. */
export interface ResourceSet {
  /** Version of the set as a whole: delta's `system_version_info`, which Envoy shows as `version_text`. */
  readonly version: string;
  readonly resources: ReadonlyMap<string, Resource>;
  /** What a wildcard subscription gets; all listed resources when absent. */
  readonly wildcard?: readonly string[] | undefined;
  /**
   * Resources of names that are known but not listed. Must answer the same name with the same version each
   * time, and best with the same object, since encoded responses are shared by object. Keep the function
   * itself the same from set to set: another one makes every stream look at all its names again.
   */
  readonly fallback?: ((name: string) => Resource | undefined) | undefined;
}

/** Makes a resource whose version is the hash of its body. */
export function createResource(name: string, body: Uint8Array): Resource {
  return { name, version: contentVersion(body), body };
}

/** Makes a resource set; its version is the hash of the names and versions in it, unless one is given. */
export function createResourceSet(
  resources: Iterable<Resource>,
  options: Partial<Pick<ResourceSet, 'version' | 'wildcard' | 'fallback'>> = {},
): ResourceSet {
  const byName = new Map<string, Resource>();
  for (const resource of resources) byName.set(resource.name, resource);
  const version = options.version ?? combinedVersion(byName.values());
  return { version, resources: byName, wildcard: options.wildcard, fallback: options.fallback };
}

/** What a set answers for a name, or undefined where the name does not exist. */
export function lookup(set: ResourceSet, name: string): Resource | undefined {
  return set.resources.get(name) ?? set.fallback?.(name);
}

/** The names a wildcard subscription of the set gets. */
export function wildcardNames(set: ResourceSet): Iterable<string> {
  return set.wildcard ?? set.resources.keys();
}

import { combinedVersion, contentVersion } from './content-version.ts';

/** One xDS resource. Immutable: to change a resource, replace it with a new object of the same name. */
export interface Resource {
  readonly name: string;
  /** Not empty, and different for different bodies. Usually a hash of the body: see `createResource`. */
  readonly version: string;
  /** The encoded message, i.e. the value of the `Any` on the wire. */
  readonly body: Uint8Array;
}

/** All resources of one type for one group of nodes. Immutable. */
export interface ResourceSet {
  /** Version of the set as a whole: delta's `system_version_info`, which Envoy shows as `version_text`. */
  readonly version: string;
  /** By their names. */
  readonly resources: ReadonlyMap<string, Resource>;
  /** The names that a wildcard subscription covers. Default: all names in `resources`. */
  readonly wildcard?: readonly string[] | undefined;
  /**
   * Returns the resource of a name that is not in `resources`, if that name exists: a resource with this name. It must
   * return the same version for the same name, and preferably the same object: encoded responses are shared by object.
   * Use the same function in successive sets: a new function makes every stream check all its names again.
   */
  readonly fallback?: ((name: string) => Resource | undefined) | undefined;
}

/**
 * Creates a resource whose version is the hash of its body (`contentVersion`).
 * @param body the encoded message. It is not copied, and must not change any more.
 */
export function createResource(name: string, body: Uint8Array): Resource {
  return { name, version: contentVersion(body), body };
}

/**
 * Creates a resource set. Its version is by default a hash of the names and versions in it (`combinedVersion`). Of two
 * resources of one name, the later one counts.
 */
export function createResourceSet(
  resources: Iterable<Resource>,
  options: Partial<Pick<ResourceSet, 'version' | 'wildcard' | 'fallback'>> = {},
): ResourceSet {
  const byName = new Map<string, Resource>();
  for (const resource of resources) byName.set(resource.name, resource);
  const version = options.version ?? combinedVersion(byName.values());
  return { version, resources: byName, wildcard: options.wildcard, fallback: options.fallback };
}

/**
 * Returns the resource of a name, or `undefined` if the name does not exist.
 * @throws {Error} if the set has a resource with another name for it.
 */
export function lookup(set: ResourceSet, name: string): Resource | undefined {
  return checkName(name, set.resources.get(name)) ?? fallbackOf(set, name);
}

/**
 * Returns the fallback of a name, or `undefined` if it has none.
 * @throws {Error} if the fallback has another name.
 */
export function fallbackOf(set: ResourceSet, name: string): Resource | undefined {
  return checkName(name, set.fallback?.(name));
}

/** Refuses a resource with another name: its ACK would be looked for under that name, and never be found. */
function checkName(name: string, resource: Resource | undefined): Resource | undefined {
  if (resource !== undefined && resource.name !== name)
    throw new Error(`the resource set has a resource with the name "${resource.name}" for "${name}"`);
  return resource;
}

/** Returns the names that a wildcard subscription covers: `wildcard`, or else all names in `resources`. */
export function wildcardNames(set: ResourceSet): Iterable<string> {
  return set.wildcard ?? set.resources.keys();
}

import { fallbackOf, lookup, wildcardNames } from './resource.ts';
import type { Resource, ResourceSet } from './resource.ts';

/** The resource name of a wildcard subscription. */
export const wildcard = '*';

/**
 * Returns the resource for a name that a stream has by wildcard alone. If the wildcard no longer covers the name, and
 * the name has a fallback, a withdrawn resource is replaced by it instead of removed, because Envoy keeps a removed
 * secret in force. The fallback must not replace a resource that exists: the client gets that one.
 */
export function wildcardTarget(set: ResourceSet, name: string): Resource | undefined {
  return covers(set, name) || fallbackOf(set, name) !== undefined ? lookup(set, name) : undefined;
}

/** True if a wildcard subscription covers the name. */
export function covers(set: ResourceSet, name: string): boolean {
  if (set.wildcard === undefined) return set.resources.has(name);
  let names = nameSets.get(set);
  if (names === undefined) nameSets.set(set, (names = new Set(wildcardNames(set))));
  return names.has(name);
}

const nameSets = new WeakMap<ResourceSet, ReadonlySet<string>>();

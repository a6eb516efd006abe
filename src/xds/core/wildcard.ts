import { lookup, wildcardNames } from './resource.ts';
import type { Resource, ResourceSet } from './resource.ts';

/** The name that subscribes to everything. */
export const wildcard = '*';

/**
 * What a stream gets for a name that it has by wildcard alone. A name that the wildcard no longer covers is
 * not dropped where the set has a fallback for it: a withdrawn resource is replaced, since an Envoy keeps a
 * removed secret in force.
 */
export function wildcardTarget(set: ResourceSet, name: string): Resource | undefined {
  return covers(set, name) ? lookup(set, name) : set.fallback?.(name);
}

/** True when a wildcard subscription gets the name. */
export function covers(set: ResourceSet, name: string): boolean {
  if (set.wildcard === undefined) return set.resources.has(name);
  let names = nameSets.get(set);
  if (names === undefined) nameSets.set(set, (names = new Set(wildcardNames(set))));
  return names.has(name);
}

const nameSets = new WeakMap<ResourceSet, ReadonlySet<string>>();

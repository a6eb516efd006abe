import { lookup, wildcardNames } from './resource.ts';
import type { ResourceSet } from './resource.ts';

/**
 * The names for which two sets answer differently, in order, by version alone; and names that a wildcard now
 * gets or no longer gets. `all` when the fallback is another function, since what it knows cannot be listed.
 */
export function changedNames(before: ResourceSet, after: ResourceSet): ReadonlySet<string> | 'all' {
  if (before.fallback !== after.fallback) return 'all';
  const names = new Set<string>();
  for (const name of [...before.resources.keys(), ...after.resources.keys()]) {
    if (lookup(before, name)?.version !== lookup(after, name)?.version) names.add(name);
  }
  const wildcardBefore = new Set(wildcardNames(before));
  const wildcardAfter = new Set(wildcardNames(after));
  for (const name of wildcardBefore.symmetricDifference(wildcardAfter)) names.add(name);
  return new Set([...names].sort());
}

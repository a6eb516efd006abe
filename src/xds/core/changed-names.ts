import { lookup, wildcardNames } from './resource.ts';
import type { ResourceSet } from './resource.ts';

/**
 * The names for which two sets answer differently, in order, by version alone; and names that a wildcard now
 * gets or no longer gets. `all` when the fallback is another function, since what it knows cannot be listed.
 */
export function changedNames(before: ResourceSet, after: ResourceSet): ReadonlySet<string> | 'all' {
  if (before.fallback !== after.fallback) return 'all';
  const names = new Set<string>();
  // Nearly all are the same objects; of those nothing is asked.
  for (const [name, resource] of after.resources) {
    if (before.resources.get(name) === resource) continue;
    if (lookup(before, name)?.version !== resource.version) names.add(name);
  }
  for (const [name, { version }] of before.resources) {
    if (!after.resources.has(name) && lookup(after, name)?.version !== version) names.add(name);
  }
  const [wildcardBefore, wildcardAfter] = [[...wildcardNames(before)], [...wildcardNames(after)]];
  if (!isSame(wildcardBefore, wildcardAfter)) {
    const difference = new Set(wildcardBefore).symmetricDifference(new Set(wildcardAfter));
    for (const name of difference) names.add(name);
  }
  return new Set([...names].sort());
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}

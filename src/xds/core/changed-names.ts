import { lookup, wildcardNames } from './resource.ts';
import type { ResourceSet } from './resource.ts';

/**
 * Returns the names whose version differs between two sets, and the names that the wildcard covers in only one of
 * them, sorted. Returns `all` if the fallback function differs, because the names that it knows cannot be listed.
 */
export function changedNames(before: ResourceSet, after: ResourceSet): ReadonlySet<string> | 'all' {
  if (before.fallback !== after.fallback) return 'all';
  const names = new Set<string>();
  // Nearly all resources are the same objects, which need no comparison.
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

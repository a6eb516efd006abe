import { lookup, wildcardNames } from './resource.ts';
import type { ResourceSet } from './resource.ts';

/** A change of a store: the names that may differ for some streams. Each stream compares versions before it sends. */
export interface Change {
  readonly typeUrl: string;
  /** `undefined` for all groups without their own set. */
  readonly group: string | undefined;
  /** Sorted; `all` if the names cannot be listed. */
  readonly names: ReadonlySet<string> | 'all';
}

/** The read side of a store. */
export interface SnapshotView {
  /**
   * Returns the group's set of a type, or else the default of the type. `undefined` means not ready: requests wait, or
   * get an empty response with `unset: 'empty'` of the type.
   */
  get(group: string, typeUrl: string): ResourceSet | undefined;
}

/** The current resources: a resource set for each group of nodes and each type URL. */
export interface SnapshotStore extends SnapshotView {
  /**
   * Replaces the group's set of a type, and publishes the names whose version differs before it returns. If none
   * differs, no change is published.
   */
  set(group: string, typeUrl: string, set: ResourceSet): void;
  /** Deletes the group's set of a type. The group then has the default of the type. */
  delete(group: string, typeUrl: string): void;
  /**
   * Sets the function that returns the set of groups without their own set. It is called often, with groups that
   * clients choose: it must be cheap, keep no state per group, and return the same objects for the same content.
   */
  setDefault(typeUrl: string, defaultSet: (group: string) => ResourceSet): void;
  /** Calls the listener synchronously after each change, until the result is disposed. */
  subscribe(listener: (change: Change) => void): Disposable;
}

/** Creates an empty store. */
export function createSnapshotStore(): SnapshotStore {
  const sets = new Map<string, Map<string, ResourceSet>>();
  const defaults = new Map<string, (group: string) => ResourceSet>();
  const listeners = new Set<(change: Change) => void>();

  const get = (group: string, typeUrl: string): ResourceSet | undefined =>
    sets.get(typeUrl)?.get(group) ?? defaults.get(typeUrl)?.(group);

  function publish(change: Change): void {
    for (const listener of listeners) listener(change);
  }

  function publishDifference(
    group: string,
    typeUrl: string,
    before: ResourceSet | undefined,
    after: ResourceSet | undefined,
  ): void {
    const names = before === undefined || after === undefined ? 'all' : changedNames(before, after);
    if (names === 'all' || names.size > 0) publish({ typeUrl, group, names });
  }

  return {
    get,
    set(group, typeUrl, set) {
      const before = get(group, typeUrl);
      const ofType = sets.get(typeUrl);
      if (ofType === undefined) sets.set(typeUrl, new Map([[group, set]]));
      else ofType.set(group, set);
      publishDifference(group, typeUrl, before, set);
    },
    delete(group, typeUrl) {
      const ofType = sets.get(typeUrl);
      const before = ofType?.get(group);
      if (ofType === undefined || before === undefined) return;
      ofType.delete(group);
      publishDifference(group, typeUrl, before, get(group, typeUrl));
    },
    setDefault(typeUrl, defaultSet) {
      defaults.set(typeUrl, defaultSet);
      publish({ typeUrl, group: undefined, names: 'all' });
    },
    subscribe(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
}

/**
 * Returns the names whose version differs between two sets, and the names that the wildcard covers in only one of
 * them, sorted. Returns `all` if the fallback function differs, because the names that it knows cannot be listed.
 */
function changedNames(before: ResourceSet, after: ResourceSet): ReadonlySet<string> | 'all' {
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

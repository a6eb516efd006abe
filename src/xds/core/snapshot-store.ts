import { changedNames } from './changed-names.ts';
import type { ResourceSet } from './resource.ts';

/** What may differ now for some streams. Each stream compares versions itself before it sends anything. */
export interface Change {
  readonly typeUrl: string;
  /** Undefined: all groups that have no set of their own. */
  readonly group: string | undefined;
  /** In order of name; `all` where they cannot be listed. */
  readonly names: ReadonlySet<string> | 'all';
}

/** The read side of a store, as streams use it. */
export interface SnapshotView {
  /** The group's set of a type, else the type's default, else undefined: not ready, requests wait. */
  get(group: string, typeUrl: string): ResourceSet | undefined;
}

/** What is served now: a resource set for each group of nodes and each type URL. */
export interface SnapshotStore extends SnapshotView {
  /** Replaces a group's set of a type. Nothing is published when no name differs. */
  set(group: string, typeUrl: string, set: ResourceSet): void;
  /** Takes a group's own set away, so that the type's default holds for it again. */
  delete(group: string, typeUrl: string): void;
  /**
   * What groups get that were never set. The function is called often and by names that peers choose: it
   * must be cheap, keep nothing, and return the same objects for the same content.
   */
  setDefault(typeUrl: string, defaultSet: (group: string) => ResourceSet): void;
  /** Calls the listener synchronously after each change until the result is disposed. */
  subscribe(listener: (change: Change) => void): Disposable;
}

/** Makes an empty store. */
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

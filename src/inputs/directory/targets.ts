import { basename, dirname } from 'node:path';

import type { DirectoryIo, Watch } from './io.ts';

/** Watches single paths outside of the directories that are read, for example the targets of links. */
export interface Targets {
  /**
   * Watches the path `target`, and stops watching the previous target of `key`. Calls `onNotice` at each notice about
   * it. `undefined`: only stops. If the system provides no watch, there are no calls, and a scan finds the changes.
   */
  track(key: string, target: string | undefined, onNotice: () => void): void;
  close(): void;
}

interface Place {
  readonly watch: Watch;
  /** By key. */
  readonly tracked: Map<string, { readonly name: string; readonly onNotice: () => void }>;
}

/** Creates an empty set of targets. */
export function createTargets(io: DirectoryIo): Targets {
  const targets = new Map<string, string>();
  const places = new Map<string, Place>();

  function placeOf(directory: string): Place | undefined {
    const known = places.get(directory);
    if (known !== undefined) return known;
    const tracked: Place['tracked'] = new Map();
    try {
      const watch = io.watch(
        directory,
        (_, name) => notify(tracked, name),
        () => drop(directory),
      );
      const place: Place = { watch, tracked };
      places.set(directory, place);
      return place;
    } catch {
      return undefined;
    }
  }

  function drop(directory: string): void {
    places.get(directory)?.watch.close();
    places.delete(directory);
  }

  function untrack(key: string, target: string): void {
    const directory = dirname(target);
    const tracked = places.get(directory)?.tracked;
    tracked?.delete(key);
    if (tracked?.size === 0) drop(directory);
    targets.delete(key);
  }

  return {
    track: (key, target, onNotice) => {
      const before = targets.get(key);
      if (before !== undefined && before !== target) untrack(key, before);
      if (target === undefined) return;
      targets.set(key, target);
      placeOf(dirname(target))?.tracked.set(key, { name: basename(target), onNotice });
    },
    close: () => {
      for (const directory of places.keys()) drop(directory);
    },
  };
}

function notify(tracked: Place['tracked'], name: string | undefined): void {
  for (const each of tracked.values()) if (name === undefined || name === each.name) each.onNotice();
}

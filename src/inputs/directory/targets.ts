import { basename, dirname } from 'node:path';

import type { DirectoryIo, Watch } from './io.ts';

/** Watches single paths outside of the directories that are read, for example the targets of links. */
export interface Targets {
  /**
   * Watches the paths `next`, and stops watching the other paths of `key`. Calls `onNotice` at each notice about one of
   * them, and once if its directory is moved or deleted: then nothing watches it before the next call of `track`.
   * Returns false if the system does not provide each watch. Then a scan finds the changes.
   */
  track(key: string, next: readonly string[], onNotice: () => void): boolean;
  /** Stops watching the paths of `key`. */
  untrack(key: string): void;
  close(): void;
}

interface Place {
  readonly watch: Watch;
  /** The callbacks by name in the directory and by key. */
  readonly tracked: Map<string, Map<string, () => void>>;
}

const none: ReadonlyMap<string, () => void> = new Map();

/** Creates an empty set of targets. */
export function createTargets(io: DirectoryIo): Targets {
  const targets = new Map<string, readonly string[]>();
  const places = new Map<string, Place>();

  function placeOf(directory: string): Place | undefined {
    const known = places.get(directory);
    if (known !== undefined) return known;
    const tracked: Place['tracked'] = new Map();
    try {
      const watch = io.watch(
        directory,
        (kind, name) => notify(directory, tracked, kind, name),
        () => drop(directory),
      );
      const place: Place = { watch, tracked };
      places.set(directory, place);
      return place;
    } catch {
      return undefined;
    }
  }

  function notify(
    directory: string,
    tracked: Place['tracked'],
    kind: 'rename' | 'change',
    name: string | undefined,
  ): void {
    // The directory itself was deleted or moved, so another one may have its path. Or an entry has its name.
    if (kind === 'rename' && (name === '' || name === basename(directory))) return moved(directory);
    const concerned = name === undefined ? [...tracked.values()] : [tracked.get(name) ?? none];
    for (const callbacks of concerned) for (const onNotice of callbacks.values()) onNotice();
  }

  /** Drops the watches on a directory and on those below it: they would follow it to its new path. */
  function moved(directory: string): void {
    const all = [...places].filter(([path]) => path === directory || path.startsWith(`${directory}/`));
    for (const [path] of all) drop(path);
    for (const [, { tracked }] of all)
      for (const callbacks of tracked.values()) for (const onNotice of callbacks.values()) onNotice();
  }

  function drop(directory: string): void {
    places.get(directory)?.watch.close();
    places.delete(directory);
  }

  function remove(key: string, target: string): void {
    const directory = dirname(target);
    const tracked = places.get(directory)?.tracked;
    const callbacks = tracked?.get(basename(target));
    callbacks?.delete(key);
    if (callbacks?.size === 0) tracked?.delete(basename(target));
    if (tracked?.size === 0) drop(directory);
  }

  function add(key: string, target: string, onNotice: () => void): boolean {
    const tracked = placeOf(dirname(target))?.tracked;
    if (tracked === undefined) return false;
    const callbacks = tracked.get(basename(target)) ?? new Map<string, () => void>();
    tracked.set(basename(target), callbacks.set(key, onNotice));
    return true;
  }

  function track(key: string, next: readonly string[], onNotice: () => void): boolean {
    for (const target of targets.get(key) ?? []) if (!next.includes(target)) remove(key, target);
    if (next.length === 0) targets.delete(key);
    else targets.set(key, next);
    return next.map((target) => add(key, target, onNotice)).every(Boolean);
  }

  return {
    track,
    untrack: (key) => void track(key, [], () => {}),
    close: () => {
      for (const directory of places.keys()) drop(directory);
    },
  };
}

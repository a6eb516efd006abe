/** Proxies that left, and that the server does not list any more: only their number is kept. */
export interface Unlisted {
  /** `undefined`: it is not kept, so they may be of any mesh. */
  readonly mesh: string | undefined;
  /** The newest version of the mesh that they had when they left; `undefined` if it is unknown. */
  readonly version: string | undefined;
  /** Maximum of their number: some may have left before the period of the list, or may have returned. */
  readonly count: number;
  /** When the last of them left, in epoch milliseconds. */
  readonly lastAt: number;
}

/** The numbers of proxies that are not listed, by mesh and version. */
export interface UnlistedCounts {
  add(row: Unlisted): void;
  /** Returns the numbers that are not too old. `now`: epoch milliseconds. */
  list(now: number): readonly Unlisted[];
}

/** The most meshes and versions that are kept apart. A client may choose the name of a mesh. */
const mostRows = 1_000;

/** Creates a list without proxies. `keepMs`: the time for which a proxy that left is counted, in ms. */
export function countUnlisted(keepMs: number): UnlistedCounts {
  const rows = new Map<string, Unlisted>();

  function forget(now: number): void {
    for (const [key, { lastAt }] of rows) if (now - lastAt >= keepMs) rows.delete(key);
  }

  function put(row: Unlisted): boolean {
    const key = JSON.stringify([row.mesh ?? null, row.version ?? null]);
    const before = rows.get(key);
    // The proxies of any mesh always have a place.
    if (before === undefined && row.mesh !== undefined && rows.size >= mostRows) return false;
    const isOver = before === undefined || row.lastAt - before.lastAt >= keepMs;
    rows.set(key, {
      ...row,
      count: row.count + (isOver ? 0 : before.count),
      lastAt: Math.max(row.lastAt, before?.lastAt ?? 0),
    });
    return true;
  }

  return {
    add(row) {
      if (put(row)) return;
      forget(row.lastAt);
      if (!put(row)) put({ ...row, mesh: undefined, version: undefined });
    },
    list(now) {
      forget(now);
      return [...rows.values()];
    },
  };
}

/** Returns the proxies that may be of the mesh, and may lack the version. */
export function unlistedWithout(
  unlisted: readonly Unlisted[],
  mesh: string,
  version: string,
): Pick<Unlisted, 'count' | 'lastAt'> {
  const lacking = unlisted.filter(
    (row) => (row.mesh === undefined || row.mesh === mesh) && row.version !== version,
  );
  return {
    count: lacking.reduce((sum, { count }) => sum + count, 0),
    lastAt: Math.max(0, ...lacking.map(({ lastAt }) => lastAt)),
  };
}

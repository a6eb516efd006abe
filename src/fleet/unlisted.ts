import { hash } from 'node:crypto';
import { proxyKey } from './records.ts';
import type { ProxyName } from './records.ts';

/** Proxies that left, and that the server does not list any more. */
export interface Unlisted {
  /** `undefined`: it is not kept, so they may be of any mesh. */
  readonly mesh: string | undefined;
  /** The newest version of the mesh that they had when they left; `undefined` if it is unknown. */
  readonly version: string | undefined;
  /** Maximum of their number: of those that are not in `known`, some may have returned. */
  readonly count: number;
  /** When the last of them left, in epoch milliseconds. */
  readonly lastAt: number;
  /** Those of them whose return is recognised: a hash of the name, and when the proxy left (epoch milliseconds). */
  readonly known?: ReadonlyMap<string, number> | undefined;
}

/** The numbers of proxies that are not listed, by mesh and version. */
export interface UnlistedCounts {
  /** Adds proxies. With `name`, it is one, and it is removed when it returns. */
  add(row: Unlisted, name?: ProxyName): void;
  /** Removes a proxy that returned. */
  take(name: ProxyName): void;
  /** Returns the numbers that are not too old. `now`: epoch milliseconds. */
  list(now: number): readonly Unlisted[];
}

interface Row {
  readonly mesh: string | undefined;
  readonly version: string | undefined;
  /** The number of those that are not in `known`, and when the last of them left. */
  others: number;
  othersAt: number;
  readonly known: Map<string, number>;
}

/** The most meshes and versions that are kept apart. A client may choose the name of a mesh. */
const mostRows = 1_000;
/** The most proxies whose return is recognised. They take about 4 megabytes. */
export const mostKnown = 20_000;

/** Creates a list without proxies. `keepMs`: the time for which a proxy that left is counted, in ms. */
export function countUnlisted(keepMs: number): UnlistedCounts {
  const rows = new Map<string, Row>();
  /** The row of each known proxy, by the hash of its name: the first to leave first. */
  const known = new Map<string, Row>();

  function forget(now: number): void {
    for (const [name, row] of known) {
      if (now - (row.known.get(name) ?? 0) < keepMs) break;
      known.delete(name);
      row.known.delete(name);
    }
    for (const [key, row] of rows) {
      if (now - row.othersAt >= keepMs) row.others = 0;
      if (row.others === 0 && row.known.size === 0) rows.delete(key);
    }
  }

  function rowOf(mesh: string | undefined, version: string | undefined): Row | undefined {
    const key = JSON.stringify([mesh ?? null, version ?? null]);
    const before = rows.get(key);
    // The proxies of any mesh always have a place.
    if (before !== undefined || (mesh !== undefined && rows.size >= mostRows)) return before;
    const row: Row = { mesh, version, others: 0, othersAt: 0, known: new Map() };
    rows.set(key, row);
    return row;
  }

  function place({ mesh, version, lastAt }: Unlisted): Row | undefined {
    const row = rowOf(mesh, version);
    if (row !== undefined) return row;
    forget(lastAt);
    return rowOf(mesh, version) ?? rowOf(undefined, undefined);
  }

  function addKnown(row: Row, name: string, at: number): void {
    take(name);
    known.set(name, row);
    row.known.set(name, at);
  }

  function take(name: string): void {
    known.get(name)?.known.delete(name);
    known.delete(name);
  }

  function addOthers(row: Row, count: number, lastAt: number): void {
    if (count === 0) return;
    const isOver = lastAt - row.othersAt >= keepMs;
    row.others = count + (isOver ? 0 : row.others);
    row.othersAt = Math.max(row.othersAt, lastAt);
  }

  return {
    add(added, name) {
      const row = place(added);
      if (row === undefined) return;
      const { lastAt } = added;
      if (name === undefined) {
        let others = added.count;
        for (const [one, at] of added.known ?? []) {
          if (known.size >= mostKnown) break;
          addKnown(row, one, at);
          others -= 1;
        }
        addOthers(row, others, lastAt);
        return;
      }
      if (known.size >= mostKnown) forget(lastAt);
      if (known.size < mostKnown) addKnown(row, hashOf(name), lastAt);
      else addOthers(row, 1, lastAt);
    },
    take(name) {
      if (known.size > 0) take(hashOf(name));
    },
    list(now) {
      forget(now);
      return [...rows.values()].map(({ mesh, version, others, othersAt, known: named }) => ({
        mesh,
        version,
        count: others + named.size,
        lastAt: lastOf(named.values(), others === 0 ? 0 : othersAt),
        ...(named.size > 0 && { known: named }),
      }));
    },
  };
}

/**
 * Returns the numbers of several processes without the proxies that one of them lists: these returned, or left again. A
 * proxy that several have counts where it left last.
 */
export function withoutListed(
  rows: readonly Unlisted[],
  listed: () => Iterable<ProxyName>,
): readonly Unlisted[] {
  if (rows.every(({ known }) => known === undefined)) return rows;
  const returned = new Set([...listed()].map(hashOf));
  const latest = new Map<string, Unlisted>();
  for (const row of rows)
    for (const [name, at] of row.known ?? [])
      if ((latest.get(name)?.known?.get(name) ?? -Infinity) < at) latest.set(name, row);
  return rows.map((row): Unlisted => {
    if (row.known === undefined) return row;
    const known = new Map([...row.known].filter(([name]) => !returned.has(name) && latest.get(name) === row));
    return { ...row, known, count: row.count - row.known.size + known.size };
  });
}

/** Returns a short hash of the name of a proxy. */
function hashOf(name: ProxyName): string {
  return hash('sha256', proxyKey(name), 'base64url').slice(0, 12);
}

function lastOf(times: Iterable<number>, first: number): number {
  let last = first;
  for (const time of times) last = Math.max(last, time);
  return last;
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

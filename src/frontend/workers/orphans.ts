import { mergeGone } from '../../fleet/fleet.ts';
import type { FleetLook } from '../../fleet/fleet.ts';
import { createGoneList } from '../../fleet/gone-list.ts';
import type { LostProxyKey } from '../../fleet/moved.ts';
import type { ProxyName, GoneRecord } from '../../fleet/records.ts';
import type { ServedHistory } from '../../fleet/served-history.ts';
import type { Roster } from './roster.ts';

/** The proxies of workers that died. */
export interface Orphans {
  /** Adds the proxies of a worker that died. It is unknown what its connected proxies had acknowledged. */
  add(roster: Roster): void;
  /** Removes proxies that are connected to a worker again. */
  back(proxies: Iterable<ProxyName>): void;
  /** Stops waiting for these proxies: they are connected to another server. */
  release(proxies: readonly LostProxyKey[]): void;
  /** Returns whether a roll-out may have to wait for any of them. */
  hasAny(): boolean;
  /** Returns the number of these proxies of a mesh, and of those whose mesh is not known. */
  count(mesh: string): number;
  look(mesh?: string): FleetLook;
}

/** Creates an empty list. `now`: epoch milliseconds; `windowMs`: the time that roll-outs wait for a lost proxy. */
export function createOrphans(now: () => number, windowMs: number, history?: ServedHistory): Orphans {
  const gone = createGoneList({}, history);
  let nameless = 0;

  function addRecord(record: GoneRecord): void {
    const { mesh, node } = record;
    // Each client without a node id counts as one proxy.
    if (node === '') return gone.add(`\0${(nameless += 1)}`, record);
    // Another worker that died may have served it, too.
    const before = gone.take(mesh, node);
    gone.add(node, before === undefined ? record : mergeGone(before, record));
  }

  /** Returns the proxies that are kept by name and for which a roll-out may have to wait. */
  const counted = (at: number): IteratorObject<GoneRecord> =>
    Iterator.from(gone.list(at)).filter(({ countedUntil }) => countedUntil > at);

  return {
    add(roster) {
      const at = now();
      // In the order of disconnection: beyond its limits, the list forgets the oldest.
      for (const record of roster.gone()) addRecord(record);
      for (const name of roster.connected()) addRecord(orphanOf(name, at, windowMs));
      gone.addForgotten(roster.forgotten(), at);
      gone.addUnlisted(roster.unlisted());
    },
    back(proxies) {
      for (const { mesh, node } of proxies) gone.take(mesh, node);
    },
    release(proxies) {
      for (const { mesh, node, goneAt } of proxies) gone.release(mesh, node, goneAt);
    },
    hasAny() {
      const at = now();
      return gone.forgotten(at).count > 0 || counted(at).some(() => true);
    },
    count(mesh) {
      const at = now();
      return counted(at).reduce((sum, one) => sum + Number(one.mesh === mesh), gone.forgotten(at).count);
    },
    look(mesh) {
      const at = now();
      const records = [...gone.list(at)].filter((record) => mesh === undefined || record.mesh === mesh);
      return {
        connected: [],
        gone: records,
        complete: true,
        forgotten: gone.forgotten(at).count,
        unlisted: gone.unlisted(at),
      };
    },
  };
}

function orphanOf({ mesh, node }: ProxyName, goneAt: number, windowMs: number): GoneRecord {
  return {
    node,
    mesh,
    since: goneAt,
    nacks: 0,
    lastNack: undefined,
    refused: new Map(),
    goneAt,
    address: '',
    userAgent: '',
    ending: 'server',
    countedUntil: goneAt + windowMs,
    isUnknown: true,
    streams: new Set(),
  };
}

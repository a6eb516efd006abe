import type { FleetLook } from '../../fleet/fleet.ts';
import { createGoneList } from '../../fleet/gone-list.ts';
import type { LostProxyKey } from '../../fleet/moved.ts';
import type { ProxyName } from '../../fleet/proxy-name.ts';
import type { GoneRecord } from '../../fleet/records.ts';

/** The proxies of workers that died. What they had acknowledged died with the worker. */
export interface Orphans {
  /** A worker died that had these proxies. */
  add(proxies: Iterable<ProxyName>): void;
  /** These proxies are connected to a worker. */
  back(proxies: Iterable<ProxyName>): void;
  /** Another server has these proxies. */
  release(proxies: readonly LostProxyKey[]): void;
  /** Whether a roll-out may have to wait for any. */
  hasAny(): boolean;
  look(mesh?: string): FleetLook;
}

/** Makes an empty list. `now`: epoch milliseconds; `windowMs`: how long roll-outs wait for a lost proxy. */
export function createOrphans(now: () => number, windowMs: number): Orphans {
  const gone = createGoneList();
  return {
    add(proxies) {
      const goneAt = now();
      for (const name of proxies) gone.add(name.node, orphanOf(name, goneAt, windowMs));
    },
    back(proxies) {
      for (const { mesh, node } of proxies) gone.take(mesh, node);
    },
    release(proxies) {
      for (const { mesh, node, goneAt } of proxies) gone.release(mesh, node, goneAt);
    },
    hasAny() {
      const at = now();
      return (
        gone.forgotten(at) > 0 || Iterator.from(gone.list(at)).some((record) => record.countedUntil > at)
      );
    },
    look(mesh) {
      const at = now();
      const records = [...gone.list(at)].filter((record) => mesh === undefined || record.mesh === mesh);
      return { connected: [], gone: records, complete: true, forgotten: gone.forgotten(at) };
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

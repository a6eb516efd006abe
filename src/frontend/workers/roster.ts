import type { Forgotten } from '../../fleet/gone-list.ts';
import type { LostProxyKey } from '../../fleet/moved.ts';
import { proxyKey } from '../../fleet/records.ts';
import type { ProxyName, GoneRecord } from '../../fleet/records.ts';
import type { Unlisted } from '../../fleet/unlisted.ts';
import type { FleetTracker } from '../../fleet/track-fleet.ts';
import type { RosterChange } from './messages.ts';

/**
 * The parent's copy of the proxies of one worker, which it needs if the worker dies. Its size is that of
 * the worker's own records, which the worker limits.
 */
export interface Roster {
  apply(change: RosterChange): void;
  /** Removes the records of proxies that are connected to another server. */
  release(proxies: readonly LostProxyKey[]): void;
  /** Returns the connected proxies that have a node id. */
  connected(): Iterable<ProxyName>;
  /** Returns the proxies without a connection that roll-outs may wait for, in the order of disconnection. */
  gone(): Iterable<GoneRecord>;
  forgotten(): Forgotten;
  /** Returns the proxies without a connection that no roll-out waits for. */
  unlisted(): readonly Unlisted[];
}

/** Creates a roster without proxies. */
export function createRoster(): Roster {
  const names = new Map<string, ProxyName>();
  const records = new Map<string, GoneRecord>();
  let forgotten: Forgotten = { count: 0, until: 0 };
  let unlisted: readonly Unlisted[] = [];
  return {
    apply(change) {
      for (const name of change.left) names.delete(proxyKey(name));
      for (const name of change.came) names.set(proxyKey(name), name);
      for (const key of change.settled) records.delete(key);
      for (const [key, record] of change.gone) records.set(key, record);
      ({ forgotten, unlisted } = change);
    },
    release(proxies) {
      for (const { mesh, node, goneAt } of proxies) {
        const key = proxyKey({ mesh, node });
        const record = records.get(key);
        if (record !== undefined && record.goneAt <= goneAt) records.delete(key);
      }
    },
    connected: () => names.values(),
    gone: () => [...records.values()].sort((a, b) => a.goneAt - b.goneAt),
    forgotten: () => forgotten,
    unlisted: () => unlisted,
  };
}

/** Returns a function that compares the proxies of a worker with those at its last call. `now`: epoch milliseconds. */
export function createCensus(tracker: FleetTracker): (now: number) => RosterChange {
  let names: ReadonlyMap<string, ProxyName> = new Map();
  let records: ReadonlyMap<string, GoneRecord> = new Map();
  return (now) => {
    const [namesBefore, recordsBefore] = [names, records];
    names = namesOf(tracker);
    records = countedOf(tracker, now);
    return {
      came: [...names].filter(([key]) => !namesBefore.has(key)).map(([, name]) => name),
      left: [...namesBefore].filter(([key]) => !names.has(key)).map(([, name]) => name),
      // A proxy that reconnected and disconnected again has another record.
      gone: [...records].filter(([key, record]) => recordsBefore.get(key) !== record),
      settled: [...recordsBefore.keys()].filter((key) => !records.has(key)),
      forgotten: tracker.forgotten(),
      unlisted: tracker.settled(),
    };
  };
}

/** Returns the connected proxies that have a node id. A proxy without one cannot be recognised when it returns. */
function namesOf({ connected }: FleetTracker): ReadonlyMap<string, ProxyName> {
  const names = new Map<string, ProxyName>();
  for (const { mesh, node } of connected())
    if (node !== '') names.set(proxyKey({ mesh, node }), { mesh, node });
  return names;
}

function countedOf({ gone }: FleetTracker, now: number): ReadonlyMap<string, GoneRecord> {
  const records = new Map<string, GoneRecord>();
  for (const record of gone()) if (record.countedUntil > now) records.set(keyOf(record), record);
  return records;
}

/** Returns the key of a record. A proxy without a node id is a single stream, which has a unique number. */
function keyOf({ mesh, node, streams }: GoneRecord): string {
  if (node !== '') return proxyKey({ mesh, node });
  const [stream] = streams;
  return proxyKey({ mesh, node: `\0${stream?.info.id ?? ''}` });
}

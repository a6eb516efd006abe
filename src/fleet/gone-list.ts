import { proxyKey } from './proxy-name.ts';
import type { GoneRecord } from './records.ts';

/** How many proxies without a connection are kept, and for how long. Times are in ms. */
export interface GoneLimits {
  /** Proxies that no roll-out waits for. */
  readonly entries: number;
  readonly keepMs: number;
  /** Proxies that a roll-out may wait for, and about how many bytes all of them together take. */
  readonly counted: number;
  readonly countedBytes: number;
}

/**
 * Enough to see who left in a roll-out of a large deployment, in well under a megabyte; and a fleet that is
 * lost as a whole, in about 30 megabytes.
 */
const defaultLimits: GoneLimits = {
  entries: 1_000,
  keepMs: 3_600_000,
  counted: 10_000,
  countedBytes: 48 * 1024 * 1024,
};

/** Proxies that roll-outs should count, but of which nothing but their number is kept. */
export interface Forgotten {
  readonly count: number;
  /** From then on, no roll-out counts them, epoch milliseconds. */
  readonly until: number;
}

/** Proxies without a connection: those that roll-outs still count, and those that left for good. */
export interface GoneList {
  add(key: string, gone: GoneRecord): void;
  /** Removes the record of a proxy that came back, and returns it. */
  take(mesh: string, key: string): GoneRecord | undefined;
  /** No roll-out counts the proxy any more, if it left at that time or before. `goneAt`: epoch milliseconds. */
  release(mesh: string, key: string, goneAt: number): void;
  /** All records that are not too old, those that no roll-out counts first. `now`: epoch milliseconds. */
  list(now: number): Iterable<GoneRecord>;
  /** Proxies that roll-outs should count, but that are more than are kept. `now`: epoch milliseconds. */
  forgotten(now: number): Forgotten;
  /** Counts proxies that another list has forgotten. `now`: epoch milliseconds. */
  addForgotten(forgotten: Forgotten, now: number): void;
}

const nobodyForgotten: Forgotten = { count: 0, until: 0 };

/**
 * Makes an empty list. Beyond its limits, it forgets the oldest records. It counts those that a roll-out may
 * have to wait for: it is not known whether such a proxy has what is served.
 */
export function createGoneList(limits: Partial<GoneLimits> = {}): GoneList {
  const { entries, keepMs, counted: most, countedBytes: mostBytes } = { ...defaultLimits, ...limits };
  const counted = new Map<string, GoneRecord>();
  const left = new Map<string, GoneRecord>();
  let bytes = 0;
  let forgotten = nobodyForgotten;

  function settle(key: string, record: GoneRecord): void {
    counted.delete(key);
    bytes -= sizeOf(record);
    // What it had is of no use any more.
    keep(key, { ...record, streams: new Set() });
  }

  function keep(key: string, record: GoneRecord): void {
    if (record.node !== '') left.set(key, record);
  }

  function forget(now: number): void {
    for (const [key, record] of counted) if (now >= record.countedUntil) settle(key, record);
    for (const [key, { goneAt }] of left) {
      if (left.size <= entries && now - goneAt < keepMs) break;
      left.delete(key);
    }
  }

  function shorten(now: number): void {
    if (counted.size <= most && bytes <= mostBytes) return;
    forget(now);
    for (const [key, record] of counted) {
      if (counted.size <= most && bytes <= mostBytes) return;
      addForgotten({ count: 1, until: record.countedUntil }, now);
      settle(key, record);
    }
  }

  const forgottenAt = (now: number): Forgotten => (now < forgotten.until ? forgotten : nobodyForgotten);

  function addForgotten({ count, until }: Forgotten, now: number): void {
    const before = forgottenAt(now);
    forgotten = { count: before.count + count, until: Math.max(before.until, until) };
  }

  return {
    add(key, record) {
      const full = proxyKey({ mesh: record.mesh, node: key });
      if (record.countedUntil > record.goneAt) {
        counted.set(full, record);
        bytes += sizeOf(record);
        shorten(record.goneAt);
      } else {
        keep(full, record);
        if (left.size > entries) forget(record.goneAt);
      }
    },
    take(mesh, key) {
      const full = proxyKey({ mesh, node: key });
      const record = counted.get(full) ?? left.get(full);
      if (record !== undefined && counted.delete(full)) bytes -= sizeOf(record);
      left.delete(full);
      return record;
    },
    release(mesh, key, goneAt) {
      const full = proxyKey({ mesh, node: key });
      const record = counted.get(full);
      if (record !== undefined && record.goneAt <= goneAt)
        settle(full, { ...record, countedUntil: record.goneAt });
    },
    list(now) {
      forget(now);
      return [...left.values(), ...counted.values()];
    },
    forgotten: forgottenAt,
    addForgotten,
  };
}

/** What a record and each of its secrets take beside their names, as was measured. */
const overhead = { record: 2_500, secret: 200 } as const;

/** An estimate: a client chooses its names, and a character takes up to two bytes. */
function sizeOf({ node, mesh, userAgent, streams }: GoneRecord): number {
  let size = overhead.record + 2 * (node.length + mesh.length + userAgent.length);
  for (const { secrets } of streams)
    for (const name of secrets.keys()) size += overhead.secret + 2 * name.length;
  return size;
}

import { heldVersion } from './assess.ts';
import { proxyKey, hasAcknowledged } from './records.ts';
import type { GoneRecord } from './records.ts';
import type { ServedHistory } from './served-history.ts';
import { countUnlisted } from './unlisted.ts';
import type { Unlisted } from './unlisted.ts';

/** Limits of the list of proxies without a connection. Times are in ms. */
export interface GoneLimits {
  /** The most proxies that no roll-out waits for, and the time for which they are kept. */
  readonly entries: number;
  readonly keepMs: number;
  /** The most proxies that a roll-out may wait for, and the approximate bytes that all of them may take. */
  readonly counted: number;
  readonly countedBytes: number;
}

/** The most secrets and streams of a proxy that are kept when no roll-out waits for it any more. */
const keptSecrets = 16;

/**
 * Enough for the proxies that disconnect in a roll-out of a large deployment, in some megabytes, and for the loss of a
 * whole fleet, in about 30 megabytes.
 */
const defaultLimits: GoneLimits = {
  entries: 1_000,
  keepMs: 3_600_000,
  counted: 10_000,
  countedBytes: 48 * 1024 * 1024,
};

/** Proxies that roll-outs must count, but of which only the number is kept. */
export interface Forgotten {
  readonly count: number;
  /** The time from which no roll-out counts them, in epoch milliseconds. */
  readonly until: number;
}

/** The proxies without a connection: those that roll-outs still count, and those that no roll-out waits for. */
export interface GoneList {
  add(key: string, gone: GoneRecord): void;
  /** Removes the record of a proxy that reconnected, and returns it. */
  take(mesh: string, key: string): GoneRecord | undefined;
  /** Makes roll-outs stop counting the proxy if it disconnected at `goneAt` (epoch milliseconds) or before. */
  release(mesh: string, key: string, goneAt: number): void;
  /** Returns all records that are not too old, those that no roll-out counts first. `now`: epoch milliseconds. */
  list(now: number): Iterable<GoneRecord>;
  /** Returns the proxies that roll-outs must count, but that exceed the limits. `now`: epoch milliseconds. */
  forgotten(now: number): Forgotten;
  /** Adds proxies that another list has forgotten. `now`: epoch milliseconds. */
  addForgotten(forgotten: Forgotten, now: number): void;
  /** Returns the proxies that left, but are not in the list: it has no place, or they have no node id. */
  unlisted(now: number): readonly Unlisted[];
  /** Returns these proxies and all others that no roll-out waits for. */
  settled(now: number): readonly Unlisted[];
  /** Adds proxies that another list has settled. */
  addUnlisted(rows: readonly Unlisted[]): void;
}

/** A proxy that no roll-out waits for, and the version that it had. */
interface Left {
  readonly record: GoneRecord;
  readonly version: string | undefined;
}

const noneForgotten: Forgotten = { count: 0, until: 0 };

/**
 * Creates an empty list. Beyond its limits, it forgets the oldest records. It counts the forgotten proxies that a
 * roll-out may have to wait for, because it is unknown whether they have the served version. It counts all others by
 * the version that they had: a rotation asks for them. Without a history, no version is known.
 */
export function createGoneList(limits: Partial<GoneLimits> = {}, history?: ServedHistory): GoneList {
  const { entries, keepMs, counted: most, countedBytes: mostBytes } = { ...defaultLimits, ...limits };
  const counted = new Map<string, GoneRecord>();
  /** Those that had the served version when they left are the first to go. */
  const synced = new Map<string, Left>();
  const behind = new Map<string, Left>();
  const unlisted = countUnlisted(keepMs);
  let bytes = 0;
  let forgotten = noneForgotten;

  function settle(key: string, record: GoneRecord, keepsStreams = true): void {
    counted.delete(key);
    bytes -= sizeOf(record);
    keep(key, keepsStreams ? record : withoutStreams(record));
  }

  function keep(key: string, record: GoneRecord): void {
    const version = versionOf(record);
    if (record.node === '') {
      // A client that acknowledged nothing, such as a diagnostic tool, has nothing that could be out of date.
      if (record.streams.size === 0 || record.streams.values().some(hasAcknowledged))
        drop({ record, version });
      return;
    }
    const served = history?.versions(record.mesh)?.[0]?.version;
    (version !== undefined && version === served ? synced : behind).set(key, {
      record: isLarge(record) ? withoutStreams(record) : record,
      version,
    });
  }

  function versionOf(record: GoneRecord): string | undefined {
    return history && heldVersion(record, history)?.version;
  }

  function drop(left: Left): void {
    const { mesh, node } = left.record;
    unlisted.add(rowOf(left), node === '' ? undefined : { mesh, node });
  }

  function forget(now: number): void {
    for (const [key, record] of counted) if (now >= record.countedUntil) settle(key, record);
    for (const list of [synced, behind]) {
      for (const [key, left] of list) {
        const isOver = now - left.record.goneAt >= keepMs;
        if (!isOver && synced.size + behind.size <= entries) break;
        list.delete(key);
        if (!isOver) drop(left);
      }
    }
  }

  function shorten(now: number): void {
    if (counted.size <= most && bytes <= mostBytes) return;
    forget(now);
    for (const [key, record] of counted) {
      if (counted.size <= most && bytes <= mostBytes) return;
      addForgotten({ count: 1, until: record.countedUntil }, now);
      // Its number is counted, so its record must not be.
      settle(key, record, false);
    }
  }

  const forgottenAt = (now: number): Forgotten => (now < forgotten.until ? forgotten : noneForgotten);

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
        if (synced.size + behind.size > entries) forget(record.goneAt);
      }
    },
    take(mesh, key) {
      const full = proxyKey({ mesh, node: key });
      const record = counted.get(full) ?? (behind.get(full) ?? synced.get(full))?.record;
      if (record !== undefined && counted.delete(full)) bytes -= sizeOf(record);
      synced.delete(full);
      behind.delete(full);
      unlisted.take({ mesh, node: key });
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
      return [...[...synced.values(), ...behind.values()].map(({ record }) => record), ...counted.values()];
    },
    forgotten: forgottenAt,
    addForgotten,
    unlisted: (now) => unlisted.list(now),
    settled(now) {
      forget(now);
      const all = countUnlisted(keepMs);
      // The names stay here: this is sent often.
      for (const row of unlisted.list(now)) all.add({ ...row, known: undefined });
      for (const left of [...synced.values(), ...behind.values()]) all.add(rowOf(left));
      return all.list(now);
    },
    addUnlisted(rows) {
      for (const row of rows) unlisted.add(row);
    },
  };
}

/** Returns whether a record has more than the few secrets to which a proxy subscribes: a client may have thousands. */
function isLarge({ streams }: GoneRecord): boolean {
  let secrets = 0;
  for (const stream of streams) secrets += stream.secrets.size;
  return streams.size > keptSecrets || secrets > keptSecrets;
}

/** It is then not known any more what the proxy had. */
function withoutStreams(record: GoneRecord): GoneRecord {
  return { ...record, streams: new Set() };
}

function rowOf({ record: { mesh, goneAt }, version }: Left): Unlisted {
  return { mesh, version, count: 1, lastAt: goneAt };
}

/** The measured bytes that a record with one stream, each further stream and each secret take, without names. */
const overhead = { record: 2_500, stream: 500, secret: 200 } as const;

/** Estimates the bytes of a record. A client chooses its names, and a character takes up to two bytes. */
function sizeOf({ node, mesh, userAgent, streams, refused }: GoneRecord): number {
  let size = overhead.record + 2 * (node.length + mesh.length + userAgent.length);
  size += overhead.stream * Math.max(0, streams.size - 1);
  for (const name of refused.keys()) size += overhead.secret + 2 * name.length;
  for (const { secrets } of streams)
    for (const name of secrets.keys()) size += overhead.secret + 2 * name.length;
  return size;
}

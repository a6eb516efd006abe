import { hash } from 'node:crypto';

import type { ProxyCounts } from './status.ts';
import { asMapping, parseJson } from '../../../text/json.ts';
import { compareText } from '../../../text/compare-text.ts';

/** The proxies of one mesh at one replica. */
export interface MeshCount {
  /** Version of the mesh that the replica serves. */
  readonly version: string;
  readonly connected: number;
  /** Number of connected proxies that have acknowledged all their subscriptions in this version. */
  readonly acked: number;
  /** Number of disconnected proxies for which it is unknown whether they have the version. */
  readonly lost: number;
}

export type MeshCounts = ReadonlyMap<string, MeshCount>;

/** A proxy that lost its connection to a replica. */
export interface LostProxy {
  readonly mesh: string;
  readonly node: string;
  /** Time at which its connection ended, in epoch milliseconds. It distinguishes two losses of one proxy. */
  readonly goneAt: number;
}

/** The report that a replica writes for the other replicas. */
export interface ReplicaReport {
  readonly replica: string;
  /** Changes with each report. If it does not change any more, the replica has ended. */
  readonly beat: string;
  /** The meshes that the replica serves. Those with the fewest proxies are left out if there are too many. */
  readonly meshes: MeshCounts;
  /** Proxies that the replica lost, as many as fit. They may be connected to another replica. */
  readonly lost: readonly LostProxy[];
  /** Proxies that other replicas lost and that are connected to this replica, as many as fit. */
  readonly here: readonly LostProxy[];
}

/** A report of another replica. */
export interface SeenReport {
  readonly report: ReplicaReport;
  /** Time since which it has not changed, in monotonic milliseconds of the reader. */
  readonly since: number;
}

/** A replica whose report has not changed for this time is not counted, in milliseconds. */
export const forgetReplicaMs = 15_000;
/** Maximum length of a report. Kubernetes allows 256 KiB for all annotations of an object. */
const reportLength = 16 * 1024;
/** Maximum length of each of the two lists of proxies in a report. */
const proxiesLength = 4 * 1024;
const prefix = 'meshtrust/replica-';

/** Returns the name of the annotation with the report of a replica. */
export function reportKey(replica: string): string {
  return `${prefix}${hash('sha256', replica).slice(0, 16)}`;
}

/** Formats a report. If there are too many meshes, those with the fewest proxies are left out. */
export function writeReport({ replica, beat, meshes, lost, here }: ReplicaReport): string {
  const rows = [...meshes]
    .sort(([a, { connected: x }], [b, { connected: y }]) => y - x || compareText(a, b))
    .map(([mesh, { version, connected, acked, lost }]) => [mesh, version, connected, acked, lost] as const);
  const head = { replica, beat, ...proxyField('lost', lost), ...proxyField('here', here) };
  const remaining = reportLength - JSON.stringify({ ...head, meshes: [] }).length;
  return JSON.stringify({ ...head, meshes: truncate(rows, remaining) });
}

function proxyField(name: 'lost' | 'here', proxies: readonly LostProxy[]): Readonly<Record<string, unknown>> {
  const rows = proxies.map(({ mesh, node, goneAt }) => [mesh, node, goneAt]);
  return rows.length === 0 ? {} : { [name]: truncate(rows, proxiesLength) };
}

/** Returns the first rows, as many as fit into the given number of bytes of JSON. */
function truncate<Row>(rows: readonly Row[], maxBytes: number): readonly Row[] {
  let length = 0;
  const end = rows.findIndex((row) => {
    length += Buffer.byteLength(JSON.stringify(row)) + 1;
    return length > maxBytes;
  });
  return end === -1 ? rows : rows.slice(0, end);
}

/** Parses the reports in the annotations of an object, by the names of the annotations. Skips all others. */
export function readReports(annotations: unknown): ReadonlyMap<string, ReplicaReport> {
  const reports = new Map<string, ReplicaReport>();
  for (const [key, text] of Object.entries(asMapping(annotations) ?? {})) {
    const report = key.startsWith(prefix) && typeof text === 'string' ? readReport(text) : undefined;
    if (report !== undefined) reports.set(key, report);
  }
  return reports;
}

/** Returns the new reports. A report that has not changed keeps the time since which it is known. */
export function updateReports(
  before: ReadonlyMap<string, SeenReport>,
  reports: ReadonlyMap<string, ReplicaReport>,
  now: number,
): ReadonlyMap<string, SeenReport> {
  return new Map(
    [...reports].map(([key, report]) => {
      const known = before.get(key);
      const isSame = known !== undefined && known.report.beat === report.beat;
      return [key, { report, since: isSame ? known.since : now }];
    }),
  );
}

/** Returns true if the replica of a report still writes reports. */
export function isAlive({ since }: SeenReport, now: number): boolean {
  return now - since < forgetReplicaMs;
}

/**
 * Returns the proxy counts of a mesh, summed over the given reports. Proxies of a replica that serves another version
 * have not acknowledged this one. If such a replica has no proxies, the sum is incomplete, because proxies may have
 * connected by the time at which it serves this version.
 */
export function sumCounts(reports: readonly ReplicaReport[], mesh: string, version: string): ProxyCounts {
  let [connected, acked, lost, complete] = [0, 0, 0, true];
  for (const { meshes } of reports) {
    const count = meshes.get(mesh);
    const isCurrent = count?.version === version;
    connected += count?.connected ?? 0;
    acked += isCurrent ? count.acked : 0;
    lost += count?.lost ?? 0;
    complete &&= isCurrent || (count !== undefined && count.connected > 0);
  }
  return { connected, acked, lost, complete };
}

function readReport(text: string): ReplicaReport | undefined {
  const fields = asMapping(parseJson(text));
  const [replica, beat, rows] = [fields?.['replica'], fields?.['beat'], fields?.['meshes']];
  if (typeof replica !== 'string' || typeof beat !== 'string' || !Array.isArray(rows)) return undefined;
  const meshes = new Map<string, MeshCount>();
  for (const row of rows as readonly unknown[]) {
    if (!Array.isArray(row)) return undefined;
    // Replicas of earlier releases do not report lost proxies.
    const [mesh, version, connected, acked, lost = 0] = row as readonly unknown[];
    if (typeof mesh !== 'string' || typeof version !== 'string') return undefined;
    if (typeof connected !== 'number' || typeof acked !== 'number') return undefined;
    if (typeof lost !== 'number') return undefined;
    meshes.set(mesh, { version, connected, acked, lost });
  }
  return { replica, beat, meshes, lost: readProxies(fields?.['lost']), here: readProxies(fields?.['here']) };
}

/** Parses a list of proxies, and skips invalid ones. Earlier releases write no list. */
function readProxies(rows: unknown): readonly LostProxy[] {
  if (!Array.isArray(rows)) return [];
  return (rows as readonly unknown[]).flatMap((row) => {
    if (!Array.isArray(row)) return [];
    const [mesh, node, goneAt] = row as readonly unknown[];
    if (typeof mesh !== 'string' || typeof node !== 'string' || typeof goneAt !== 'number') return [];
    return [{ mesh, node, goneAt }];
  });
}

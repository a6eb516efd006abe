import { hash } from 'node:crypto';

import { asMapping, parseJson } from '../../client/api-object.ts';
import type { ProxyCounts } from './status.ts';

/** What one replica has of one mesh. */
export interface MeshCount {
  /** Version of the mesh that it serves. */
  readonly version: string;
  readonly connected: number;
  /** Those of them that have everything they asked for of this version. */
  readonly acked: number;
  /** Proxies without a connection of which it is not known whether they have it. */
  readonly lost: number;
}

export type MeshCounts = ReadonlyMap<string, MeshCount>;

/** A proxy that lost its connection to a replica. */
export interface LostProxy {
  readonly mesh: string;
  readonly node: string;
  /** When its connection ended, epoch milliseconds: another loss of the same proxy is another question. */
  readonly goneAt: number;
}

/** What a replica says of itself. */
export interface ReplicaReport {
  readonly replica: string;
  /** Differs from one time to the next: a report that stays the same is of a replica that is gone. */
  readonly beat: string;
  /** All meshes that it serves, unless they are too many. */
  readonly meshes: MeshCounts;
  /** Proxies that it lost, as many as fit: another replica may have them. */
  readonly lost: readonly LostProxy[];
  /** Lost proxies of other replicas that are connected to this one, as many as fit. */
  readonly here: readonly LostProxy[];
}

/** A report, and since when it has been the same: monotonic milliseconds of the one who reads. */
export interface SeenReport {
  readonly report: ReplicaReport;
  readonly since: number;
}

/** A replica that has not written for so many milliseconds is not counted. */
export const forgetReplicaMs = 15_000;
/** All annotations of an object together may have 256 KiB. */
const reportLength = 16 * 1024;
/** Of a report, for the proxies that it lost; as much for those of others that it has. */
const lostLength = 4 * 1024;
const prefix = 'meshtrust/replica-';

/** The annotation that is a replica's own. */
export function reportKey(replica: string): string {
  return `${prefix}${hash('sha256', replica).slice(0, 16)}`;
}

/** A report as text: where there are too many meshes, those with the fewest proxies are left out. */
export function writeReport({ replica, beat, meshes, lost, here }: ReplicaReport): string {
  const rows = [...meshes]
    .sort(([a, { connected: x }], [b, { connected: y }]) => y - x || (a < b ? -1 : 1))
    .map(([mesh, { version, connected, acked, lost }]) => [mesh, version, connected, acked, lost] as const);
  const head = { replica, beat, ...written('lost', lost), ...written('here', here) };
  const room = reportLength - JSON.stringify({ ...head, meshes: [] }).length;
  return JSON.stringify({ ...head, meshes: fitting(rows, room) });
}

function written(name: 'lost' | 'here', proxies: readonly LostProxy[]): Readonly<Record<string, unknown>> {
  const rows = proxies.map(({ mesh, node, goneAt }) => [mesh, node, goneAt]);
  return rows.length === 0 ? {} : { [name]: fitting(rows, lostLength) };
}

/** The first rows, as many as fit into so many bytes of JSON. */
function fitting<Row>(rows: readonly Row[], room: number): readonly Row[] {
  let length = 0;
  const end = rows.findIndex((row) => {
    length += Buffer.byteLength(JSON.stringify(row)) + 1;
    return length > room;
  });
  return end === -1 ? rows : rows.slice(0, end);
}

/** The reports in the annotations of an object, by their keys; what is none is passed over. */
export function readReports(annotations: unknown): ReadonlyMap<string, ReplicaReport> {
  const reports = new Map<string, ReplicaReport>();
  for (const [key, text] of Object.entries(asMapping(annotations) ?? {})) {
    const report = key.startsWith(prefix) && typeof text === 'string' ? readReport(text) : undefined;
    if (report !== undefined) reports.set(key, report);
  }
  return reports;
}

/** Joins what was read now with what was read before. */
export function seeReports(
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

/** Whether the replica of a report is there. */
export function isAlive({ since }: SeenReport, now: number): boolean {
  return now - since < forgetReplicaMs;
}

/**
 * The proxies of a mesh at all replicas that are there. Those of a replica that serves another version have not
 * acknowledged this one; where it had none, it may have some by the time it serves this one, so nothing is known.
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
    // An earlier release of another replica writes no lost proxies.
    const [mesh, version, connected, acked, lost = 0] = row as readonly unknown[];
    if (typeof mesh !== 'string' || typeof version !== 'string') return undefined;
    if (typeof connected !== 'number' || typeof acked !== 'number') return undefined;
    if (typeof lost !== 'number') return undefined;
    meshes.set(mesh, { version, connected, acked, lost });
  }
  return { replica, beat, meshes, lost: readProxies(fields?.['lost']), here: readProxies(fields?.['here']) };
}

/** Earlier releases write none; what is no proxy is passed over. */
function readProxies(rows: unknown): readonly LostProxy[] {
  if (!Array.isArray(rows)) return [];
  return (rows as readonly unknown[]).flatMap((row) => {
    if (!Array.isArray(row)) return [];
    const [mesh, node, goneAt] = row as readonly unknown[];
    if (typeof mesh !== 'string' || typeof node !== 'string' || typeof goneAt !== 'number') return [];
    return [{ mesh, node, goneAt }];
  });
}

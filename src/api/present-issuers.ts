import type { MeshSightings } from '../access-log/sightings.ts';
import { formatTime } from '../text/format-time.ts';
import type { ServerObservation } from '../trust/rotation/facts.ts';
import type { IssuerList } from './issuer-api-types.ts';

/** The listener for access logs, and what it has counted for a mesh. */
export interface IssuerObservation {
  /** Epoch milliseconds; `undefined` if the server has not begun to count. */
  readonly since: number | undefined;
  readonly streams: number;
  readonly sightings: MeshSightings;
}

/** Returns the issuers in the access logs of a mesh. */
export function presentIssuers(name: string, { since, streams, sightings }: IssuerObservation): IssuerList {
  const { issuers, nodes, unknown, unknownAt, without, lostAt } = sightings;
  return {
    name,
    since: since === undefined ? undefined : formatTime(since),
    streams,
    issuers: [...issuers]
      .sort(([, a], [, b]) => b.lastSeen - a.lastSeen)
      .map(([fingerprint, { entries, firstSeen, lastSeen }]) => ({
        fingerprint,
        entries,
        firstSeen: formatTime(firstSeen),
        lastSeen: formatTime(lastSeen),
      })),
    nodes,
    unknown,
    unknownLastSeen: unknownAt === undefined ? undefined : formatTime(unknownAt),
    without,
    lostAt: lostAt === undefined ? undefined : formatTime(lostAt),
  };
}

/** Returns what the gates of a rotation need of the issuers that a server has seen. */
export function observationOfServer({
  nodes,
  since,
  issuers,
  unknown,
  unknownLastSeen,
  without,
  lostAt,
}: IssuerList): ServerObservation {
  return {
    since: since === undefined ? undefined : Date.parse(since),
    entries: issuers.reduce((sum, { entries }) => sum + entries, unknown),
    unknownAt: timeOfUnknown(unknown, unknownLastSeen),
    without,
    nodes,
    lostAt: lostAt === undefined ? undefined : Date.parse(lostAt),
    lastSeen: new Map(issuers.map(({ fingerprint, lastSeen }) => [fingerprint, Date.parse(lastSeen)])),
  };
}

/** A server of an earlier version has no time, so the last one may have come just now. */
function timeOfUnknown(unknown: number, lastSeen: string | undefined): number | undefined {
  if (lastSeen !== undefined) return Date.parse(lastSeen);
  return unknown > 0 ? Number.POSITIVE_INFINITY : undefined;
}

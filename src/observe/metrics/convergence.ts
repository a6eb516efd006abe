import type { ServedMeshes } from '../../trust/snapshot/publisher.ts';
import { StreamNotes } from '../../xds/index.ts';
import type { Acked, NameAndVersion, Quoted, StreamInfo } from '../../xds/index.ts';
import { SmallMap } from '../../xds/small/small-map.ts';

/** Measures the time of changes from their cause to a proxy's acknowledgement. */
export interface Convergence {
  /** A new state is served since `servedAt`. The first cause of the change arrived at `since`. */
  served(states: ServedMeshes, since: number, servedAt: number): void;
  /** Returns whether a mesh has a listed MeshTrust. */
  readonly isListed: (mesh: string) => boolean;
  /** Returns the meshes that have a listed MeshTrust. */
  readonly listed: () => Iterable<string>;
  /** Returns the ms from publishing a change to sending it on the stream; `undefined` if the response has no change. */
  sent(stream: StreamInfo, resources: readonly NameAndVersion[], now: number): number | undefined;
  quoted(stream: StreamInfo, quote: Quoted): void;
  /** Returns the ms from the cause of a change to its acknowledgement; `undefined` if the ACK is not for a change. */
  acked(stream: StreamInfo, ack: Acked, now: number): number | undefined;
  closed(stream: StreamInfo): void;
}

interface Changed {
  readonly version: string;
  readonly since: number;
  readonly servedAt: number;
}

/**
 * Creates the measurement. An ACK counts only if the stream acknowledged another version of the name before: the
 * ACK of a first delivery says nothing about the speed of changes. Times are epoch milliseconds.
 */
export function createConvergence(): Convergence {
  let known: ServedMeshes = new Map();
  const changes = new Map<string, Map<string, Changed>>();
  const held = new StreamNotes<SmallMap<string, string | undefined>>();

  const heldBy = (stream: StreamInfo): SmallMap<string, string | undefined> => {
    let names = held.get(stream);
    if (names === undefined) held.set(stream, (names = new SmallMap<string, string | undefined>()));
    return names;
  };

  return {
    served(states, since, servedAt) {
      for (const [mesh, state] of states) {
        const before = known.get(mesh)?.secrets.secrets;
        if (before === state.secrets.secrets) continue;
        let names = changes.get(mesh);
        if (names === undefined) changes.set(mesh, (names = new Map<string, Changed>()));
        for (const [name, { version }] of state.secrets.secrets) {
          if (before?.get(name)?.version !== version) names.set(name, { version, since, servedAt });
        }
        // A name that is no longer listed is answered with deny-all, whose version is not known here.
        for (const name of names.keys()) if (!state.secrets.secrets.has(name)) names.delete(name);
      }
      known = states;
    },
    isListed: (mesh) => known.has(mesh),
    listed: () => known.keys(),
    sent(stream, resources, now) {
      const names = held.get(stream);
      if (names === undefined || stream.group === undefined) return undefined;
      const changed = changes.get(stream.group);
      for (const { name, version } of resources) {
        if (!names.has(name) || names.get(name) === version) continue;
        const change = changed?.get(name);
        if (change !== undefined && change.version === version) return Math.max(0, now - change.servedAt);
      }
      return undefined;
    },
    quoted(stream, { name, version, unconfirmed }) {
      if (!unconfirmed) heldBy(stream).set(name, version);
    },
    acked(stream, { name, version, unconfirmed }, now) {
      if (unconfirmed) return undefined;
      const names = heldBy(stream);
      const first = !names.has(name);
      const repeated = names.get(name) === version;
      names.set(name, version);
      if (first || repeated || stream.group === undefined) return undefined;
      const change = changes.get(stream.group)?.get(name);
      if (change === undefined || change.version !== version) return undefined;
      return Math.max(0, now - change.since);
    },
    closed: (stream) => void held.delete(stream),
  };
}
